package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// CompactHistory makes etcd forget all states but the last, as it does in time
// by itself. An API server that starts afterwards knows nothing older.
func (c *Cluster) CompactHistory(ctx context.Context) error {
	var now struct {
		Header struct{ Revision string }
	}
	// The key is one that is not there: only the header of the answer matters.
	if err := c.askEtcd(ctx, "range", map[string]any{"key": "AA=="}, &now); err != nil {
		return err
	}
	return c.askEtcd(ctx, "compaction", map[string]any{"revision": now.Header.Revision, "physical": true}, nil)
}

// askEtcd uses the JSON form of etcd's API.
func (c *Cluster) askEtcd(ctx context.Context, call string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	url := loopbackURL("http", c.ports.etcd) + "/v3/kv/" + call
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
