package kubelet

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/pod"

	corev1 "k8s.io/api/core/v1"
)

// refuse says what of a Pod this kubelet would not do.
func refuse(p *corev1.Pod) error {
	if len(p.Spec.Containers) != 1 || len(p.Spec.InitContainers) > 0 {
		return errors.New("a Pod has one container here, and no other")
	}
	c := &p.Spec.Containers[0]
	switch {
	case len(p.Spec.Volumes) > 0:
		return errors.New("there is no volume here but /mnt")
	case c.LivenessProbe != nil || c.StartupProbe != nil:
		return errors.New("there is no probe here but the readinessProbe")
	case len(c.Command)+len(c.Args) == 0:
		return errors.New("there is no image here, so the container must have a command")
	case c.Lifecycle != nil && c.Lifecycle.PostStart != nil:
		return errors.New("there is no postStart here")
	}
	for _, each := range c.Env {
		if each.ValueFrom != nil {
			return fmt.Errorf("the variable %s has a valueFrom; POD_NAME, POD_IP and NAMESPACE are there without", each.Name)
		}
	}
	return nil
}

// searched is where Debian has programs.
const searched = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// boxOf is what the program of a Pod is put into.
func (k *Kubelet) boxOf(place *Place, p *corev1.Pod, address netip.Addr) (pod.Box, error) {
	etc, volume, scratch, err := k.folderOf(p)
	if err != nil {
		return pod.Box{}, err
	}
	own := place.fullName(p)
	if own != hostname(p) {
		own += " " + hostname(p)
	}
	files := map[string]string{
		"resolv.conf": place.resolv(),
		"hosts":       fmt.Sprintf("127.0.0.1 localhost\n%s %s\n", address, own),
		"hostname":    hostname(p) + "\n",
		// That of the machine may have others answer.
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644); err != nil {
			return pod.Box{}, err
		}
	}
	c := &p.Spec.Containers[0]
	b := pod.Box{
		Hostname: hostname(p), Etc: etc, Software: place.Software, Volume: volume, Shared: place.Shared, Scratch: scratch,
		Env: append([]string{
			searched, "HOME=/mnt", "LANG=C.UTF-8",
			"POD_NAME=" + p.Name, "POD_IP=" + address.String(), "NAMESPACE=" + p.Namespace,
		}, place.Env...),
		Args: append(append([]string(nil), c.Command...), c.Args...),
	}
	for _, each := range c.Env {
		b.Env = set(b.Env, each.Name, each.Value)
	}
	if s := p.Spec.SecurityContext; s != nil && s.RunAsUser != nil {
		b.User = int(*s.RunAsUser)
	}
	return b, nil
}

// set replaces a variable, or adds it.
func set(env []string, name, value string) []string {
	for i, each := range env {
		if strings.HasPrefix(each, name+"=") {
			env[i] = name + "=" + value
			return env
		}
	}
	return append(env, name+"="+value)
}
