package contacts

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"testing"
)

// opening is a SYN from 10.244.1.2:40000 to 10.244.1.3:2380.
const opening = "4500003c000040004006000 00af401020af40103" + "9c40094c" + "00000001" + "00000000" + "a002faf0" + "00000000" + "020405b40402080a0000000000000000 01030307"

func packet(t *testing.T) []byte {
	t.Helper()
	var digits []byte
	for _, each := range []byte(opening) {
		if each != ' ' {
			digits = append(digits, each)
		}
	}
	b, err := hex.DecodeString(string(digits))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOnlyTheOpeningOfAConnectionIsAContact(t *testing.T) {
	tests := []struct {
		name   string
		change func([]byte) []byte
		want   bool
	}{
		{"a SYN is one", func(b []byte) []byte { return b }, true},
		{"a SYN with ACK is the answer to one", func(b []byte) []byte { b[33] = 0x12; return b }, false},
		{"an ACK is not", func(b []byte) []byte { b[33] = 0x10; return b }, false},
		{"a SYN behind options of IPv4 is one", func(b []byte) []byte { b[0] = 0x46; return slices.Insert(b, 20, 1, 1, 1, 1) }, true},
		{"UDP is not", func(b []byte) []byte { b[9] = 17; return b }, false},
		{"IPv6 is not", func(b []byte) []byte { b[0] = 0x60; return b }, false},
		{"a packet that is cut short is not", func(b []byte) []byte { return b[:39] }, false},
		{"a header shorter than any is not", func(b []byte) []byte { b[0] = 0x41; return b }, false},
		{"nothing is not", func([]byte) []byte { return nil }, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			from, to, ok := syn(tc.change(packet(t)))
			if ok != tc.want {
				t.Fatalf("got %t, want %t", ok, tc.want)
			}
			if !ok {
				return
			}
			if want := netip.MustParseAddrPort("10.244.1.2:40000"); from != want {
				t.Errorf("it is from %s, want %s", from, want)
			}
			if want := netip.MustParseAddrPort("10.244.1.3:2380"); to != want {
				t.Errorf("it is to %s, want %s", to, want)
			}
		})
	}
}
