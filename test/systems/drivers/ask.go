package drivers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
)

// longestAnswer bounds what is read of a Pod's answer, in bytes.
const longestAnswer = 1 << 20

// client keeps no connection: a Pod that is gone may have left its address to another.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// get asks a Pod over HTTP, without a look-up, and returns the answer where its status is 200.
func get(ctx context.Context, p Pods, pod string, port uint16, path string) ([]byte, error) {
	return ask(ctx, p, pod, port, http.MethodGet, path, "")
}

// post is get with a body.
func post(ctx context.Context, p Pods, pod string, port uint16, path, body string) ([]byte, error) {
	return ask(ctx, p, pod, port, http.MethodPost, path, body)
}

func ask(ctx context.Context, p Pods, pod string, port uint16, method, path, body string) ([]byte, error) {
	address := p.Address(pod)
	if !address.IsValid() {
		return nil, fmt.Errorf("%s has no address", pod)
	}
	url := "http://" + netip.AddrPortFrom(address, port).String() + path
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pod, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s of %s: %s", pod, response.Status, path, text)
	}
	return text, err
}

// getJSON is get for an answer in JSON.
func getJSON(ctx context.Context, p Pods, pod string, port uint16, path string, into any) error {
	text, err := get(ctx, p, pod, port, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %s: %w", pod, path, err)
	}
	return nil
}

// dial connects to a Pod for as long as the context is good.
func dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	if !to.Addr().IsValid() {
		return nil, fmt.Errorf("port %d of a Pod that has no address", to.Port())
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = conn.SetDeadline(deadline)
	}
	return conn, err
}

// talk sends a text to a Pod that answers it and closes the connection.
func talk(ctx context.Context, to netip.AddrPort, text string) (string, error) {
	conn, err := dial(ctx, to)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(io.LimitReader(conn, longestAnswer))
	return string(answer), err
}

// members are the names of the Pods that begin with a prefix, and an error where they are not
// as many as wanted.
func members(p Pods, prefix string, want int) ([]string, error) {
	var all []string
	for _, each := range p.Names() {
		if strings.HasPrefix(each, prefix) {
			all = append(all, each)
		}
	}
	if len(all) != want {
		return all, fmt.Errorf("%d Pods %s* of %d have an address", len(all), prefix, want)
	}
	return all, nil
}

var number = regexp.MustCompile(`\d+(\.\d+)+`)

// versionOf returns the first number with a dot that a command in a Pod prints.
func versionOf(ctx context.Context, p Pods, pod string, command ...string) (string, error) {
	out, err := p.Exec(ctx, pod, command...)
	if version := number.FindString(out); version != "" {
		return version, nil
	}
	return "", fmt.Errorf("%s tells no version, but %q: %v", strings.Join(command, " "), out, err)
}
