package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"
)

const (
	// scrapeInterval is short, so that four minutes have points enough.
	scrapeInterval = 2 * time.Second
	// rateInterval is about the one that Grafana would fill in: four scrapes,
	// and more for a slow machine.
	rateInterval = "15s"
)

type panel struct {
	Title       string
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct{ Expr, LegendFormat string }
}

// recorded is a panel with its lines.
type recorded struct {
	Title string `json:"title"`
	Unit  string `json:"unit"`
	Lines []line `json:"lines"`
}

type line struct {
	Legend string `json:"legend"`
	// Points are seconds since 1970 and values.
	Points [][2]float64 `json:"points"`
}

func readPanels(file string) ([]panel, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var d struct{ Panels []panel }
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return d.Panels, nil
}

type prometheus struct {
	process *process.Process
	url     string
}

const configuration = `scrape_configs:
- job_name: coredns
  scrape_interval: %s
  static_configs:
  - targets: [%q]
`

// startPrometheus returns when Prometheus has scraped.
func startPrometheus(ctx context.Context, program, target, dir string) (*prometheus, error) {
	port, err := loopback.Port()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "prometheus.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, configuration, scrapeInterval, target), 0o600); err != nil {
		return nil, err
	}
	address := fmt.Sprintf("%s:%d", loopback.Address, port)
	p := &prometheus{url: "http://" + address}
	p.process, err = process.Start(program, filepath.Join(dir, "prometheus.log"),
		"--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = poll.Until(ctx, func(ctx context.Context) error {
		lines, err := p.query(ctx, "up == 1", "up", time.Now().Add(-time.Minute), time.Now())
		if err == nil && len(lines) == 0 {
			err = fmt.Errorf("%s is not scraped", target)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w; %w", err, p.process.Failure())
	}
	return p, nil
}

var filled = strings.NewReplacer("$__rate_interval", rateInterval, "$job", ".+", "$instance", ".+")

func (p *prometheus) record(ctx context.Context, panels []panel, from, to time.Time) ([]recorded, error) {
	var all []recorded
	for _, each := range panels {
		r := recorded{Title: each.Title, Unit: each.FieldConfig.Defaults.Unit}
		for _, target := range each.Targets {
			lines, err := p.query(ctx, filled.Replace(target.Expr), target.LegendFormat, from, to)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", each.Title, err)
			}
			r.Lines = append(r.Lines, lines...)
		}
		all = append(all, r)
	}
	return all, nil
}

// answer is the answer of Prometheus to a query over a range.
type answer struct {
	Error string
	Data  struct {
		Result []struct {
			Metric map[string]string
			Values [][2]any
		}
	}
}

func (p *prometheus) query(ctx context.Context, expr, legend string, from, to time.Time) ([]line, error) {
	values := url.Values{
		"query": {expr}, "step": {scrapeInterval.String()},
		"start": {from.Format(time.RFC3339Nano)}, "end": {to.Format(time.RFC3339Nano)},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/api/v1/query_range?"+values.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var a answer
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		return nil, err
	}
	if a.Error != "" {
		return nil, fmt.Errorf("%s: %s", expr, a.Error)
	}
	return a.lines(legend)
}

var label = regexp.MustCompile(`\{\{(\w+)\}\}`)

func (a *answer) lines(legend string) ([]line, error) {
	var all []line
	for _, series := range a.Data.Result {
		l := line{Legend: label.ReplaceAllStringFunc(legend, func(found string) string {
			return series.Metric[label.FindStringSubmatch(found)[1]]
		})}
		for _, point := range series.Values {
			at, _ := point[0].(float64)
			text, _ := point[1].(string)
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, err
			}
			// No events in the range: a ratio of nothing.
			if !math.IsNaN(value) {
				l.Points = append(l.Points, [2]float64{at, value})
			}
		}
		if len(l.Points) > 0 {
			all = append(all, l)
		}
	}
	return all, nil
}
