package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const account = "dns"

// token creates the service account dns of the place, and returns a token of it.
func (p *place) token(t *testing.T) string {
	t.Helper()
	ctx, accounts := within(t), p.Clients().CoreV1().ServiceAccounts(p.namespace)
	_, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}, createOptions)
	must(t, err)
	request, err := accounts.CreateToken(ctx, account, &authenticationv1.TokenRequest{}, createOptions)
	must(t, err)
	return request.Status.Token
}

func (p *place) subjects() []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: p.namespace, Name: account}}
}

// bindHere gives the service account the rights in a namespace only.
func (p *place) bindHere(t *testing.T, namespace string, rules []rbacv1.PolicyRule) {
	t.Helper()
	ctx, rbac := within(t), p.Clients().RbacV1()
	meta := metav1.ObjectMeta{Name: p.namespace}
	_, err := rbac.Roles(namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules}, createOptions)
	must(t, err)
	_, err = rbac.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta, Subjects: p.subjects(), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
	}, createOptions)
	must(t, err)
	p.untilAllowed(t, namespace, rules)
}

// bindEverywhere gives the service account the rights in the whole cluster.
func (p *place) bindEverywhere(t *testing.T, rules []rbacv1.PolicyRule) {
	t.Helper()
	ctx, rbac := within(t), p.Clients().RbacV1()
	meta := metav1.ObjectMeta{Name: p.namespace}
	_, err := rbac.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, createOptions)
	must(t, err)
	_, err = rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, Subjects: p.subjects(), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
	}, createOptions)
	must(t, err)
	p.untilAllowed(t, "", rules)
}

// untilAllowed waits until the rights are in force.
func (p *place) untilAllowed(t *testing.T, namespace string, rules []rbacv1.PolicyRule) {
	t.Helper()
	for _, rule := range rules {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: fmt.Sprintf("system:serviceaccount:%s:%s", p.namespace, account),
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: "watch", Group: rule.APIGroups[0], Resource: rule.Resources[0],
			},
		}}
		until(t, func(ctx context.Context) error {
			answer, err := p.Clients().AuthorizationV1().SubjectAccessReviews().Create(ctx, review, createOptions)
			if err == nil && !answer.Status.Allowed {
				err = fmt.Errorf("the rights are not in force yet: %s", answer.Status.Reason)
			}
			return err
		})
	}
}

// requests are those that the plugin makes for objects in all namespaces, or in
// one. A watch begins with a list.
func requests(namespace string) []string {
	if namespace != "" {
		namespace = "namespaces/" + namespace + "/"
	}
	services, slices := "/api/v1/"+namespace+"services", "/apis/discovery.k8s.io/v1/"+namespace+"endpointslices"
	return []string{
		"watch " + services + " ",
		"watch " + slices + " endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io,service.kubernetes.io/headless",
		"watch " + slices + " endpointslice.kubernetes.io/managed-by!=endpointslice-controller.k8s.io,kubernetes.io/service-name",
		"list " + slices + " endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io,!service.kubernetes.io/headless",
	}
}

// wantRequests compares the requests to the API server with those that should
// be made.
func wantRequests(t *testing.T, g *testGate, want ...string) {
	t.Helper()
	seen := make(map[string]bool)
	for _, r := range g.Passed() {
		if r.Method != http.MethodGet || r.Status != http.StatusOK {
			t.Errorf("got the request %+v, want only ones that read and are accepted", r)
		}
		// The slices of Services in need are asked for where the controller is slow.
		if !strings.Contains(r.Stream, "kubernetes.io/service-name in (") {
			seen[r.Verb()+" "+r.Stream] = true
		}
	}
	got := slices.Sorted(maps.Keys(seen))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("asked for\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// wantQuiet fails the test where CoreDNS has logged a fault.
func wantQuiet(t *testing.T, s *server.Server) {
	t.Helper()
	for line := range strings.Lines(s.Log()) {
		// Other tests make objects that are refused.
		if strings.Contains(line, "Left out the EndpointSlice ") {
			continue
		}
		for _, level := range []string{"[WARNING]", "[ERROR]", "[PANIC]", "[FATAL]"} {
			if strings.Contains(line, level) {
				t.Errorf("the log says: %s", line)
			}
		}
	}
}

func TestTheLeastRightsAreEnough(t *testing.T) {
	p := newPlace(t)
	g := openGate(t, p.Cluster)
	s := server.New(t, aloneCorefile("kubeconfig "+g.kubeconfig(p.Config(cluster.CoreDNSUser).BearerToken)))
	p.runDB(t)
	db, web := p.name("db"), p.external(t, "web", p.name("db"))
	wantSoon(t, s,
		question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)},
		question{name: web, qtype: "A", want: found(cname(web, db), at(db, p.v4(1))[0])},
	)
	wantRequests(t, g, requests("")...)
	wantQuiet(t, s)

	// Lists after the first one ask for no more.
	before := len(g.Passed())
	g.expireAll()
	late := p.external(t, "late", db)
	wantSoon(t, s, question{name: late, qtype: "A", want: found(cname(late, db), at(db, p.v4(1))[0])})
	wantRequests(t, g, requests("")...)
	if len(g.Passed()) == before {
		t.Error("nothing was listed anew")
	}
}

// TestARightThatIsMissingIsMissed leaves out one of the rights, and then another.
func TestARightThatIsMissingIsMissed(t *testing.T) {
	for i, rule := range leastRights {
		t.Run(rule.Resources[0], func(t *testing.T) {
			p := newPlace(t)
			p.runDB(t)
			token := p.token(t)
			p.bindEverywhere(t, slices.Delete(slices.Clone(leastRights), i, i+1))
			s := server.New(t, unreadyCorefile(t, "kubeconfig "+openGate(t, p.Cluster).kubeconfig(token), "startup_timeout 100ms"))
			until(t, func(context.Context) error {
				if want := fmt.Sprintf("cannot watch resource %q", rule.Resources[0]); !strings.Contains(s.Log(), want) {
					return fmt.Errorf("the log does not say %s: %s", want, s.Log())
				}
				return nil
			})
			wantNow(t, s, question{name: p.name("db"), qtype: "A", want: notReady})
		})
	}
}

func TestAClientCertificate(t *testing.T) {
	p := newPlace(t)
	g := openGate(t, p.Cluster)
	g.Certify(p.Config(cluster.CoreDNSUser).BearerToken)
	cert, key := certificate(t)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(authority, g.Authority(), 0o600))
	s := server.New(t, aloneCorefile("endpoint https://"+g.Address(), "tls "+cert+" "+key+" "+authority))
	p.runDB(t)
	wantSoon(t, s, question{name: p.name("db"), qtype: "A", want: found(at(p.name("db"), p.v4(1))...)})
	wantRequests(t, g, requests("")...)
	wantQuiet(t, s)
}

// certificate writes a client certificate and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	der, err := x509.MarshalECPrivateKey(private)
	must(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	must(t,
		os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600),
	)
	return cert, key
}

func TestLabelsSelectServices(t *testing.T) {
	p, ctx := newPlace(t), within(t)
	s := server.New(t, aloneCorefile(
		"kubeconfig "+openGate(t, p.Cluster).kubeconfig(p.Config(cluster.CoreDNSUser).BearerToken),
		"labels exposed=yes",
	))
	p.runDB(t)
	hidden, web := p.name("db"), cluster.HeadlessService(p.namespace, "web", app)
	web.Labels = map[string]string{"exposed": "yes"}
	must(t, p.CreateService(ctx, web))
	there := question{name: p.name("web"), qtype: "A", want: found(at(p.name("web"), p.v4(1))...)}
	wantSoon(t, s, there)
	wantNow(t, s, question{name: hidden, qtype: "A", want: p.notSelected("db")})

	must(t, p.PatchService(ctx, p.namespace, "db", `{"metadata":{"labels":{"exposed":"yes"}}}`))
	wantSoon(t, s, question{name: hidden, qtype: "A", want: found(at(hidden, p.v4(1))...)})
	must(t, p.PatchService(ctx, p.namespace, "db", `{"metadata":{"labels":{"exposed":"no"}}}`))
	wantSoon(t, s, question{name: hidden, qtype: "A", want: p.notSelected("db")})
	wantNow(t, s, there)
}

func TestARoleInEachNamespaceIsEnough(t *testing.T) {
	p, other, hidden := newPlace(t), newPlace(t), newPlace(t)
	token := p.token(t)
	p.bindHere(t, p.namespace, leastRights)
	p.bindHere(t, other.namespace, leastRights)
	g := openGate(t, p.Cluster)
	s := server.New(t, aloneCorefile(
		"kubeconfig "+g.kubeconfig(token),
		"namespaces "+p.namespace+" "+other.namespace,
	))
	for _, each := range []*place{p, other, hidden} {
		each.runDB(t)
	}
	for _, each := range []*place{p, other} {
		db := each.name("db")
		wantSoon(t, s,
			question{name: db, qtype: "A", want: found(at(db, each.v4(1))...)},
			question{name: reverse(each.v4(1)), qtype: "PTR", want: found(record(reverse(each.v4(1)), ttl, "PTR", each.name("db-0.db")))},
		)
	}
	wantNow(t, s,
		question{name: hidden.name("db"), qtype: "A", want: hidden.notSelected("db")},
		question{name: reverse(hidden.v4(1)), qtype: "PTR", want: noAddress("in-addr.arpa.")},
	)
	wantRequests(t, g, append(requests(p.namespace), requests(other.namespace)...)...)
	wantQuiet(t, s)
}

func TestNamespaceLabelsNeedTheRightToWatchNamespaces(t *testing.T) {
	p, other := newPlace(t), newPlace(t)
	token := p.token(t)
	p.bindEverywhere(t, append(slices.Clone(leastRights),
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"list", "watch"}}))
	p.label(t, p.namespace)
	g := openGate(t, p.Cluster)
	s := server.New(t, aloneCorefile(
		"kubeconfig "+g.kubeconfig(token),
		"namespace_labels e2e="+p.namespace,
	))
	p.runDB(t)
	other.runDB(t)
	db, far := p.name("db"), other.name("db")
	wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)})
	wantNow(t, s, question{name: far, qtype: "A", want: other.notSelected("db")})

	p.label(t, other.namespace)
	wantSoon(t, s, question{name: far, qtype: "A", want: found(at(far, other.v4(1))...)})
	wantMetrics(t, s, sample{`objects{kind="namespace"}`, 2})
	wantRequests(t, g, append(requests(""), "watch /api/v1/namespaces e2e="+p.namespace)...)
	wantQuiet(t, s)
}

// label puts the label e2e on a namespace, with the place's name.
func (p *place) label(t *testing.T, namespace string) {
	t.Helper()
	namespaces := p.Clients().CoreV1().Namespaces()
	_, err := namespaces.Patch(within(t), namespace, mergePatch,
		fmt.Appendf(nil, `{"metadata":{"labels":{"e2e":%q}}}`, p.namespace), patchOptions)
	must(t, err)
}

func TestWithoutRightsNothingIsMadeUp(t *testing.T) {
	p := newPlace(t)
	p.runDB(t)
	s := server.New(t, unreadyCorefile(t, "kubeconfig "+openGate(t, p.Cluster).kubeconfig(p.token(t)), "startup_timeout 100ms"))
	wantNow(t, s, question{name: p.name("db"), qtype: "A", want: notReady})
	until(t, func(context.Context) error {
		if log := s.Log(); !strings.Contains(log, "forbidden") || !strings.Contains(log, "Cannot watch services,") {
			return fmt.Errorf("the log does not say what is forbidden: %s", log)
		}
		return nil
	})
	p.bindEverywhere(t, leastRights)
	wantSoon(t, s, question{name: p.name("db"), qtype: "A", want: found(at(p.name("db"), p.v4(1))...)})
}
