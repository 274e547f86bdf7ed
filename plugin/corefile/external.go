package corefile

import (
	"errors"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

func targets(o *records.Options, args []string) (err error) {
	o.External.Targets, err = external.ParseTargets(args)
	return err
}

func lastGood(o *records.Options, args []string) (err error) {
	o.External.LastGood, err = external.ParseLastGood(args)
	return err
}

func ownLastGood(o *records.Options, args []string) (err error) {
	o.External.LastGood, err = o.External.LastGood.Of(args)
	return err
}

func flatten(o *records.Options, args []string) error {
	if len(args) > 0 {
		return errors.New("it takes no arguments")
	}
	o.External.Flatten = true
	return nil
}

func ownFlatten(o *records.Options, args []string) error {
	on, err := external.ParseFlatten(args)
	if err == nil {
		o.External.Flatten = on
	}
	return err
}
