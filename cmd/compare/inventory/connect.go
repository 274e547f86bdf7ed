package inventory

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Connect returns clients of the API server that a kubeconfig file names, in the context of that name or, where it is
// empty, the current one. Without a file, it is the API server of the cluster that this runs in.
func Connect(kubeconfig, contextName string) (kubernetes.Interface, error) {
	config, err := clientConfig(kubeconfig, contextName)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

func clientConfig(kubeconfig, contextName string) (*rest.Config, error) {
	if kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("this does not run in a cluster; give -kubeconfig FILE")
		}
		return config, err
	}
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: contextName}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot use the kubeconfig file %s: %w", kubeconfig, err)
	}
	return config, nil
}

// The Service that clusters have in front of their DNS.
const (
	systemSpace  = metav1.NamespaceSystem
	kubeDNSLabel = "k8s-app=kube-dns"
)

// FindKubeDNS returns the address of the cluster's DNS, host:port.
func FindKubeDNS(ctx context.Context, clients kubernetes.Interface) (string, error) {
	list, err := clients.CoreV1().Services(systemSpace).List(ctx, metav1.ListOptions{LabelSelector: kubeDNSLabel})
	if err != nil {
		return "", fmt.Errorf("cannot look for kube-dns: %w", err)
	}
	for _, s := range list.Items {
		if address, err := netip.ParseAddr(s.Spec.ClusterIP); err == nil && servesDNS(&s) {
			return net.JoinHostPort(address.String(), "53"), nil
		}
	}
	return "", fmt.Errorf("no Service in %s has the label %s, a cluster IP and the port 53; give -kube-dns HOST:PORT", systemSpace, kubeDNSLabel)
}

func servesDNS(s *corev1.Service) bool {
	return slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == 53 })
}
