package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const valuesFile = "../../deploy/helm-values.yaml"

// values is the part of helm-values.yaml that is tested.
type values struct {
	PodSecurityContext *corev1.PodSecurityContext `json:"podSecurityContext"`
	SecurityContext    *corev1.SecurityContext    `json:"securityContext"`
	ExtraVolumes       []corev1.Volume            `json:"extraVolumes"`
	ExtraVolumeMounts  []corev1.VolumeMount       `json:"extraVolumeMounts"`
	Servers            []struct {
		Zones []struct {
			Zone string `json:"zone"`
		} `json:"zones"`
		Port    int `json:"port"`
		Plugins []struct {
			Name        string `json:"name"`
			Parameters  any    `json:"parameters"`
			ConfigBlock string `json:"configBlock"`
		} `json:"plugins"`
	} `json:"servers"`
}

// corefile is the Corefile that the chart makes of the servers, but for blanks. The last zone
// of each has the port; the others have that of DNS, which is the same.
func (v *values) corefile() string {
	var b strings.Builder
	for _, s := range v.Servers {
		for _, z := range s.Zones[:len(s.Zones)-1] {
			fmt.Fprintf(&b, "%s ", z.Zone)
		}
		fmt.Fprintf(&b, "%s:%d {\n", s.Zones[len(s.Zones)-1].Zone, s.Port)
		for _, p := range s.Plugins {
			fmt.Fprint(&b, p.Name)
			if p.Parameters != nil {
				fmt.Fprintf(&b, " %v", p.Parameters)
			}
			if p.ConfigBlock != "" {
				fmt.Fprintf(&b, " {\n%s\n}", p.ConfigBlock)
			}
			fmt.Fprintln(&b)
		}
		fmt.Fprintln(&b, "}")
	}
	return b.String()
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, yaml.Unmarshal(text, into))
}

// The chart itself is not here (see TestHelmChart), so the values are compared
// with the manifests that other tests apply and run.
func TestHelmValuesSayWhatTheOverlaysDo(t *testing.T) {
	var v values
	readYAML(t, valuesFile, &v)
	all := kustomize(t, "beside")
	if got, want := onPort(v.corefile(), "53"), onPort(corefileOf(t, all), "53"); got != want {
		t.Errorf("the Corefile is\n%s\nwant\n%s", got, want)
	}
	var deployment appsv1.Deployment
	all.only(t, "Deployment", &deployment)
	pod := deployment.Spec.Template.Spec
	if !equality.Semantic.DeepEqual(v.PodSecurityContext, pod.SecurityContext) {
		t.Errorf("podSecurityContext is %v, want %v", v.PodSecurityContext, pod.SecurityContext)
	}
	if !equality.Semantic.DeepEqual(v.SecurityContext, pod.Containers[0].SecurityContext) {
		t.Errorf("securityContext is %v, want %v", v.SecurityContext, pod.Containers[0].SecurityContext)
	}
	if !equality.Semantic.DeepEqual(v.ExtraVolumes, pod.Volumes[1:]) {
		t.Errorf("extraVolumes is %v, want %v", v.ExtraVolumes, pod.Volumes[1:])
	}
	if !equality.Semantic.DeepEqual(v.ExtraVolumeMounts, pod.Containers[0].VolumeMounts[1:]) {
		t.Errorf("extraVolumeMounts is %v, want %v", v.ExtraVolumeMounts, pod.Containers[0].VolumeMounts[1:])
	}
}

// chartVariable names a folder with the official chart.
const chartVariable = "COREDNS_CHART"

func TestHelmChart(t *testing.T) {
	chart := os.Getenv(chartVariable)
	if chart == "" {
		t.Skipf("%s names no folder with CoreDNS's Helm chart, which no package registry has", chartVariable)
	}
	var known, ours map[string]any
	readYAML(t, filepath.Join(chart, "values.yaml"), &known)
	readYAML(t, valuesFile, &ours)
	wantKnown(t, "", ours, known)

	absolute, err := filepath.Abs(valuesFile)
	must(t, err)
	w, all := newWriter(t, shared.Get(t)), parse(t, tool(t, "helm", "template", "dns", chart, "--namespace", "kube-system", "--values", absolute))
	w.apply(t, all, false, metav1.DryRunAll)
	applied := w.apply(t, all, false)
	wantUnchanged(t, applied, w.apply(t, all, false))
	applied = slices.DeleteFunc(applied, metricsService)
	wantFit(t, applied)
	wantAdmitted(t, applied)
	serve(t, applied)
	w.remove(t, all)
}

// metricsService reports whether a Service is there for metrics alone.
func metricsService(o *unstructured.Unstructured) bool {
	return o.GetKind() == "Service" && strings.HasSuffix(o.GetName(), "-metrics")
}

// wantKnown checks that the chart has each key. A value that is empty in the
// chart may hold any keys.
func wantKnown(t *testing.T, at string, ours, known map[string]any) {
	t.Helper()
	for key, value := range ours {
		theirs, ok := known[key]
		if !ok {
			t.Errorf("the chart does not know the value %s%s", at, key)
		}
		inner, isMap := value.(map[string]any)
		if deeper, _ := theirs.(map[string]any); isMap && len(deeper) > 0 {
			wantKnown(t, at+key+".", inner, deeper)
		}
	}
}
