package cluster

import (
	"context"
	"net"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kube"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// maxServers is how many Pods of CoreDNS are asked at most.
const maxServers = 16

// Servers finds out where clients ask, and which Pods answer.
func Servers(ctx context.Context, clients kubernetes.Interface) (s facts.Servers, skipped []facts.Skipped) {
	address, err := kube.FindKubeDNS(ctx, clients)
	if err != nil {
		skipped = append(skipped, facts.Skipped{What: of("the Service of the cluster's DNS", kube.SystemSpace), Why: Reason(err)})
	} else if host, _, err := net.SplitHostPort(address); err == nil {
		s.Address = host
	}
	list, err := clients.CoreV1().Pods(kube.SystemSpace).List(ctx, metav1.ListOptions{LabelSelector: kube.KubeDNSLabel, Limit: kube.PageSize})
	if err != nil {
		skipped = append(skipped, facts.Skipped{What: of("Pods of CoreDNS", kube.SystemSpace), Why: Reason(err)})
		return s, skipped
	}
	for i := range list.Items {
		p := &list.Items[i]
		if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed || len(s.Pods) == maxServers {
			continue
		}
		s.Pods = append(s.Pods, facts.ServerPod{Name: p.Name, Address: p.Status.PodIP, Ready: IsReady(p)})
	}
	return s, skipped
}
