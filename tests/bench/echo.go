// SPDX-License-Identifier: ISC

// A goroutine for each connection, as people write it: the peer of
// tests/bench/run.
//
// usage: echo echo|copy|hello tcp|unix|udp ADDRESS (udp: echo only)
package main

import (
	"io"
	"net"
	"os"
)

func hello(c net.Conn) {
	c.Write([]byte("Hello 127.0.0.1\n"))
	c.Close()
}

func echo(c net.Conn) {
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

// The shortest way to write it; io.Copy calls splice(2) where it can.
func copied(c net.Conn) {
	io.Copy(c, c)
	c.Close()
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
	handler, network, address := os.Args[1], os.Args[2], os.Args[3]
	if network == "udp" {
		datagrams(address)
		return
	}
	serve := echo
	switch handler {
	case "copy":
		serve = copied
	case "hello":
		serve = hello
	}
	l, err := net.Listen(network, address)
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
