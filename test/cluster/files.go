package cluster

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
)

// Files in the folder of a Cluster.
const (
	serviceAccountKey = "service-account.key"
	tokens            = "tokens.csv"
)

// newKey makes the key by which the API server signs, and checks, the tokens of
// service accounts.
func newKey() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), nil
}
