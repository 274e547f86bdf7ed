// Package kube is how the commands reach the API server of a cluster, and its DNS. What they say of a kubeconfig file and
// a context is the same in all of them.
package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/pager"
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

// ErrNowhere says that neither a file nor the Pod that this runs in names an API server.
var ErrNowhere = errors.New("no kubeconfig")

// AsKubectl returns the configuration that kubectl would take, and the namespace of its context: from the file, or else
// from those that KUBECONFIG names, from ~/.kube/config, or from the Pod that this runs in.
func AsKubectl(kubeconfig, contextName string) (_ *rest.Config, namespace string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: contextName})
	config, err := loaded.ClientConfig()
	if clientcmd.IsEmptyConfig(err) && kubeconfig == "" {
		return nil, "", ErrNowhere
	}
	if err != nil {
		return nil, "", fmt.Errorf("cannot use the kubeconfig: %w", err)
	}
	if namespace, _, err = loaded.Namespace(); err != nil {
		return nil, "", err
	}
	return config, namespace, nil
}

// The Service that clusters have in front of their DNS, and the label of its Pods.
const (
	SystemSpace  = metav1.NamespaceSystem
	KubeDNSLabel = "k8s-app=kube-dns"
)

// FindKubeDNS returns the address of the cluster's DNS, host:port.
func FindKubeDNS(ctx context.Context, clients kubernetes.Interface) (string, error) {
	list, err := clients.CoreV1().Services(SystemSpace).List(ctx, metav1.ListOptions{LabelSelector: KubeDNSLabel})
	if err != nil {
		return "", fmt.Errorf("cannot look for kube-dns: %w", err)
	}
	for _, s := range list.Items {
		if address, err := netip.ParseAddr(s.Spec.ClusterIP); err == nil && servesDNS(&s) {
			return net.JoinHostPort(address.String(), "53"), nil
		}
	}
	return "", fmt.Errorf("no Service in %s has the label %s, a cluster IP and the port 53; give -kube-dns HOST:PORT", SystemSpace, KubeDNSLabel)
}

func servesDNS(s *corev1.Service) bool {
	return slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == 53 })
}

// PageSize is how many objects the API server is asked for at once.
const PageSize = 500

// Each calls take with every object that list returns, page by page, with these options.
func Each[T runtime.Object](ctx context.Context, list pager.ListPageFunc, o metav1.ListOptions, take func(T) error) error {
	pages := pager.New(list)
	pages.PageSize = PageSize
	return pages.EachListItem(ctx, o, func(obj runtime.Object) error {
		typed, ok := obj.(T)
		if !ok {
			return fmt.Errorf("the API server sent an object of the type %T", obj)
		}
		return take(typed)
	})
}
