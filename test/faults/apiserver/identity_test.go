package apiserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd/api"
)

// An authority signs certificates for 127.0.0.1.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return &authority{certificate: certificate, key: key, serial: 1}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// sign makes a certificate with a new key.
func (a *authority) sign() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	a.serial++
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.certificate, &key.PublicKey, a.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// present shows another certificate from now on.
func (d *door) present(a *authority) func(context.Context) error {
	return func(context.Context) error {
		certificate, err := a.sign()
		if err != nil {
			return err
		}
		d.Close()
		d.Present(certificate, a.pem())
		return d.Open()
	}
}

// An account is that of a workload whose token is exchanged now and then.
type account struct {
	*cluster.Cluster
	namespace, file string
	number          int
}

const accountName = "dns"

func newAccount(t *testing.T, c *cluster.Cluster, namespace string) *account {
	t.Helper()
	a := &account{Cluster: c, namespace: namespace, file: filepath.Join(t.TempDir(), "token")}
	_, err := c.Clients().CoreV1().ServiceAccounts(namespace).Create(within(t), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: accountName},
	}, metav1.CreateOptions{})
	must(t, err)
	user := cluster.User(fmt.Sprintf("system:serviceaccount:%s:%s", namespace, accountName))
	must(t, c.Grant(within(t), user, leastRights...), a.exchange(within(t)))
	return a
}

// bound is the Secret that the current token is bound to.
func (a *account) bound() string { return fmt.Sprintf("token-%d", a.number) }

// exchange writes a new token into the file, as a kubelet does.
func (a *account) exchange(ctx context.Context) error {
	a.number++
	secret, err := a.Clients().CoreV1().Secrets(a.namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: a.bound()},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	request, err := a.Clients().CoreV1().ServiceAccounts(a.namespace).CreateToken(ctx, accountName, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{
			Kind: "Secret", APIVersion: "v1", Name: secret.Name, UID: secret.UID,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	next := a.file + ".next"
	if err := os.WriteFile(next, []byte(request.Status.Token), 0o600); err != nil {
		return err
	}
	return os.Rename(next, a.file)
}

// refuse makes the API server refuse the current token.
func (a *account) refuse(ctx context.Context) error {
	return a.Clients().CoreV1().Secrets(a.namespace).Delete(ctx, a.bound(), metav1.DeleteOptions{})
}

func (a *account) writeKubeconfig(t *testing.T, d *door) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	at := api.Cluster{Server: "https://" + d.Address(), CertificateAuthorityData: d.Authority()}
	must(t, cluster.WriteKubeconfig(file, "test", at, api.AuthInfo{TokenFile: a.file}))
	return file
}

func TestCertificateAndTokenAreExchanged(t *testing.T) {
	t.Parallel()
	c := shared.Get(t)
	namespace := c.Namespace(t)
	d, known, foreign := newDoor(t, c), newAuthority(t), newAuthority(t)
	must(t, d.present(known)(t.Context()))
	a := newAccount(t, c, namespace)
	s := newSite(t, c, namespace, a.writeKubeconfig(t, d))
	s.sufferAll(
		fault{
			name:  "a certificate of another authority, then one of the same as before",
			begin: d.present(foreign), end: d.present(known), losses: 1,
		},
		fault{
			name: "the token is refused, then exchanged", tried: d.count, most: outageMost, losses: 1,
			// The API server caches its verdict on a token for some seconds:
			// the connections break after that.
			begin: func(ctx context.Context) error { return errors.Join(a.refuse(ctx), a.awaitRefusal(ctx), d.again()) },
			end:   a.exchange,
		},
	)
}

// again breaks the connections.
func (d *door) again() error {
	d.Close()
	return d.Open()
}

// awaitRefusal returns when the API server knows that the token is no longer
// good.
func (a *account) awaitRefusal(ctx context.Context) error {
	token, err := os.ReadFile(a.file)
	if err != nil {
		return err
	}
	return poll.Until(ctx, func(ctx context.Context) error {
		review, err := a.Clients().AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: string(token)},
		}, metav1.CreateOptions{})
		if err == nil && review.Status.Authenticated {
			err = errors.New("the token is still good")
		}
		return err
	})
}
