// SPDX-License-Identifier: ISC

// A goroutine for each connection, as people write it: the peer of
// tests/bench/run.
//
// usage: echo tcp|unix|udp ADDRESS
package main

import (
	"net"
	"os"
)

func serve(c net.Conn) {
	defer c.Close()
	b := make([]byte, 65536)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if _, err = c.Write(b[:n]); err != nil {
			return
		}
	}
}

func datagrams(address string) {
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		panic(err)
	}
	c, err := net.ListenUDP("udp", a)
	if err != nil {
		panic(err)
	}
	b := make([]byte, 65536)
	for {
		n, peer, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			continue
		}
		c.WriteToUDPAddrPort(b[:n], peer)
	}
}

func main() {
	if os.Args[1] == "udp" {
		datagrams(os.Args[2])
		return
	}
	l, err := net.Listen(os.Args[1], os.Args[2])
	if err != nil {
		panic(err)
	}
	for {
		c, err := l.Accept()
		if err == nil {
			go serve(c)
		}
	}
}
