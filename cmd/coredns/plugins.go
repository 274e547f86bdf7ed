//go:build !slim

package main

import _ "github.com/coredns/coredns/core/plugin"
