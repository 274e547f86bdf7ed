// Command get asks a URL again and again, with a look-up each time, until it is killed. It
// writes a line for each request, as package load has it.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const usage = "get URL PAUSE PATIENCE"

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	every, err := time.ParseDuration(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	patience, err := time.ParseDuration(os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range time.Tick(every) {
		begin := time.Now()
		answer, err := get(client, os.Args[1], patience)
		took := time.Since(begin).Seconds()
		if err != nil {
			fmt.Printf("error %.3f %s\n", took, strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Printf("ok %.3f %s\n", took, answer)
	}
}

// get returns the first word of the answer.
func get(client *http.Client, url string, patience time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return "", err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return "", fmt.Errorf("%s", response.Status)
	}
	if words := strings.Fields(string(body)); len(words) > 0 {
		return words[0], nil
	}
	return "-", nil
}
