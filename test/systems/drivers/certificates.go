package drivers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// authority signs the certificates of one place.
type authority struct {
	dir         string
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	issued      int64
}

// newAuthority makes one, and writes its certificate to ca.pem in the folder.
func newAuthority(dir string) (*authority, error) {
	a := &authority{dir: dir}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	a.certificate = a.template("authority")
	a.certificate.IsCA = true
	a.certificate.BasicConstraintsValid = true
	a.certificate.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	raw, err := x509.CreateCertificate(rand.Reader, a.certificate, a.certificate, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return a, a.write("ca.pem", block("CERTIFICATE", raw))
}

// issue writes a key and its certificate, for a server and a client of these names of DNS, to
// NAME.pem: all take both from one file.
func (a *authority) issue(name string, names ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	wanted := a.template(name)
	wanted.DNSNames = names
	wanted.KeyUsage = x509.KeyUsageDigitalSignature
	wanted.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	raw, err := x509.CreateCertificate(rand.Reader, wanted, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return err
	}
	packed, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return a.write(name+".pem", append(block("PRIVATE KEY", packed), block("CERTIFICATE", raw)...))
}

// template is what all certificates have: they are good for a day.
func (a *authority) template(name string) *x509.Certificate {
	a.issued++
	return &x509.Certificate{
		SerialNumber: big.NewInt(a.issued),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

// write writes a file that each user of a Pod may read: nothing is kept from those in a test.
func (a *authority) write(name string, text []byte) error {
	path := filepath.Join(a.dir, name)
	// The umask is not for it.
	return errors.Join(os.WriteFile(path, text, 0o644), os.Chmod(path, 0o644))
}

func block(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}
