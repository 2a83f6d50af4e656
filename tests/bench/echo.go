// SPDX-License-Identifier: ISC

// A goroutine for each connection, as people write it: the peer of
// tests/bench/run.
//
// usage: echo echo|copy|hello tcp|unix|udp ADDRESS (udp: echo only)
//        echo echo|hello tls ADDRESS CERTIFICATE KEY
package main

import (
	"crypto/tls"
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

// TLS 1.3 alone, X25519 alone. Its ciphers cannot be set: it takes
// AES-128-GCM before the others.
func listenTLS(address, certificate, key string) (net.Listener, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	return tls.Listen("tcp", address, &tls.Config{
		Certificates:     []tls.Certificate{pair},
		MinVersion:       tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519},
	})
}

func listen(network, address string, more []string) (net.Listener, error) {
	if network == "tls" {
		return listenTLS(address, more[0], more[1])
	}
	return net.Listen(network, address)
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
	l, err := listen(network, address, os.Args[4:])
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
