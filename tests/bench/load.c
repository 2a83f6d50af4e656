/* SPDX-License-Identifier: ISC */
/*
 * The generator of load for tests/bench/run: one process, one epoll loop, a
 * closed loop of requests over many connections, for a fixed time. It prints
 * one line of JSON. It checks the length of what returns, not its bytes: that
 * is for the tests, here the generator must cost as little as it can.
 *
 * usage: load echo|connect|udp|idle ADDRESS [-c connections] [-s size]
 *             [-d seconds] [-k in-flight] [-g]
 *     ADDRESS is 127.0.0.1:port or /path; -g sends with UDP_SEGMENT
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP_MS   300
#define SOURCES	     30 /* 127.0.0.2 and on, so that ports do not run out */
#define LATENCIES    (1 << 20)
#define UDP_AGAIN_MS 100 /* a lost datagram is sent once more after this */
#define GSO_MAX	     60000

struct client {
	int fd;
	size_t received; /* of the current answer */
	size_t sent;
	int64_t since_us;
	bool connecting;
};

static struct {
	const char *mode;
	struct sockaddr_storage address;
	socklen_t address_length;
	int n, size, in_flight;
	double seconds;
	bool gso;
	int epoll_fd;
	char *buffer;
	struct client *clients;
	bool measuring;
	uint64_t requests, errors;
	uint32_t *latencies; /* microseconds, the first LATENCIES */
	size_t n_latencies;
} load = { .n = 1, .size = 64, .seconds = 3, .in_flight = 16 };

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
parse_address(const char *text)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&load.address;
	struct sockaddr_in *sin = (struct sockaddr_in *)&load.address;
	char host[64];

	if (*text == '/') {
		sun->sun_family = AF_UNIX;
		snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", text);
		load.address_length = sizeof(*sun);
		return;
	}
	const char *colon = strrchr(text, ':');
	if (colon == NULL)
		errx(2, "address %s has no port", text);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	sin->sin_family = AF_INET;
	sin->sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &sin->sin_addr) != 1)
		errx(2, "%s is not an IPv4 address", host);
	load.address_length = sizeof(*sin);
}

/* Many connections a second need many source addresses. */
static void
choose_source(int fd, size_t i)
{
	struct sockaddr_in source = { .sin_family = AF_INET };
	int on = 1;

	if (load.address.ss_family != AF_INET)
		return;
	source.sin_addr.s_addr = htonl(0x7f000002 + (uint32_t)(i % SOURCES));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&source, sizeof(source)) == -1)
		err(1, "bind");
}

static void
watch(struct client *client, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = client };

	if (epoll_ctl(load.epoll_fd, operation, client->fd, &event) == -1)
		err(1, "epoll_ctl");
}

static void
open_client(struct client *client, int type, size_t i)
{
	int on = 1;

	client->fd = socket(load.address.ss_family, type | SOCK_NONBLOCK, 0);
	if (client->fd == -1)
		err(1, "socket");
	choose_source(client->fd, i);
	if (load.address.ss_family == AF_INET && type == SOCK_STREAM)
		setsockopt(
		    client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	int rc = connect(
	    client->fd, (struct sockaddr *)&load.address, load.address_length);
	if (rc == -1 && errno != EINPROGRESS && errno != EAGAIN)
		err(1, "connect");
	client->connecting = rc == -1;
	client->received = 0;
	client->sent = 0;
	client->since_us = now_us();
}

static void
count(struct client *client)
{
	int64_t now = now_us();

	if (load.measuring) {
		load.requests++;
		if (load.n_latencies < LATENCIES)
			load.latencies[load.n_latencies++] =
			    (uint32_t)(now - client->since_us);
	}
	client->since_us = now;
}

static void
send_rest(struct client *client)
{
	while (client->sent < (size_t)load.size) {
		ssize_t n = send(client->fd, load.buffer,
		    (size_t)load.size - client->sent, MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1)
			err(1, "send");
		client->sent += (size_t)n;
	}
	/* Small requests always fit: then this is never asked for. */
	if (load.size > 65536)
		watch(client, EPOLL_CTL_MOD,
		    client->sent < (size_t)load.size ? EPOLLIN | EPOLLOUT
						     : EPOLLIN);
}

static void
on_echo(struct client *client, uint32_t events)
{
	if ((events & EPOLLOUT) != 0 && client->sent < (size_t)load.size)
		send_rest(client);
	if ((events & EPOLLIN) == 0)
		return;
	size_t room = load.size > 262144 ? 262144 : (size_t)load.size;
	ssize_t n = recv(client->fd, load.buffer, room, 0);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0)
		errx(1, "the server closed the connection");
	client->received += (size_t)n;
	if (client->received < (size_t)load.size)
		return;
	count(client);
	client->received = 0;
	client->sent = 0;
	send_rest(client);
}

static void
on_connect(struct client *client, uint32_t events)
{
	size_t i = (size_t)(client - load.clients);
	ssize_t n;

	(void)events;
	do {
		n = recv(client->fd, load.buffer, 4096, 0);
		if (n > 0)
			client->received += (size_t)n;
	} while (n > 0);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == 0 && client->received > 0)
		count(client);
	else if (load.measuring)
		load.errors++;
	close(client->fd);
	open_client(client, SOCK_STREAM, i + (size_t)load.requests);
	watch(client, EPOLL_CTL_ADD, EPOLLIN);
}

static void
send_datagrams(struct client *client, int n)
{
	struct mmsghdr messages[64] = { 0 };
	struct iovec part = { load.buffer, (size_t)load.size };

	if (load.gso) {
		part.iov_len = (size_t)(load.size * n);
		if (send(client->fd, part.iov_base, part.iov_len, 0) == -1 &&
		    errno != EAGAIN)
			err(1, "send");
		return;
	}
	for (int i = 0; i < n; i++) {
		messages[i].msg_hdr.msg_iov = &part;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	if (sendmmsg(client->fd, messages, (unsigned)n, 0) == -1 &&
	    errno != EAGAIN)
		err(1, "sendmmsg");
}

static int
receive_gro(struct client *client)
{
	ssize_t n = recv(client->fd, load.buffer, 65536, 0);

	return n <= 0 ? 0 : (int)(n + load.size - 1) / load.size;
}

static int
receive_datagrams(struct client *client)
{
	static char buffers[64][2048];
	struct mmsghdr messages[64] = { 0 };
	struct iovec parts[64];

	if (load.gso)
		return receive_gro(client);
	for (int i = 0; i < 64; i++) {
		parts[i] = (struct iovec){ buffers[i], sizeof(buffers[i]) };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	int n = recvmmsg(client->fd, messages, 64, MSG_DONTWAIT, NULL);
	return n < 0 ? 0 : n;
}

static void
on_udp(struct client *client, uint32_t events)
{
	(void)events;
	int n = receive_datagrams(client);
	if (n == 0)
		return;
	if (load.measuring)
		load.requests += (uint64_t)n;
	client->since_us = now_us();
	send_datagrams(client, n);
}

/* Datagrams get lost; whoever hears nothing begins anew. */
static void
send_again(void)
{
	int64_t now = now_us();

	for (int i = 0; i < load.n; i++) {
		struct client *client = &load.clients[i];
		if (now - client->since_us < UDP_AGAIN_MS * 1000)
			continue;
		load.errors += load.measuring;
		client->since_us = now;
		send_datagrams(client, load.in_flight);
	}
}

static void
start_client(struct client *client, size_t i)
{
	bool udp = strcmp(load.mode, "udp") == 0;

	open_client(client, udp ? SOCK_DGRAM : SOCK_STREAM, i);
	watch(client, EPOLL_CTL_ADD, EPOLLIN);
	if (udp && load.gso) {
		int size = load.size, on = 1;
		setsockopt(
		    client->fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
		setsockopt(client->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	}
	if (udp)
		send_datagrams(client, load.in_flight);
}

/* Echo clients connect one after the other, then all begin. */
static void
wait_connected(struct client *client)
{
	struct epoll_event event;
	int error = 0;
	socklen_t length = sizeof(error);

	if (!client->connecting)
		return;
	watch(client, EPOLL_CTL_MOD, EPOLLOUT);
	if (epoll_wait(load.epoll_fd, &event, 1, 5000) != 1)
		errx(1, "no connection within 5 s");
	getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error != 0)
		errx(1, "connect: %s", strerror(error));
	watch(client, EPOLL_CTL_MOD, EPOLLIN);
}

static void
start_all(void)
{
	bool hold =
	    strcmp(load.mode, "echo") == 0 || strcmp(load.mode, "idle") == 0;

	for (int i = 0; i < load.n; i++) {
		start_client(&load.clients[i], (size_t)i);
		if (hold)
			wait_connected(&load.clients[i]);
	}
	for (int i = 0; hold && *load.mode == 'e' && i < load.n; i++) {
		load.clients[i].since_us = now_us();
		send_rest(&load.clients[i]);
	}
}

static void
turn(void (*ready)(struct client *client, uint32_t events))
{
	struct epoll_event events[256];
	int n = epoll_wait(load.epoll_fd, events, 256, 50);

	for (int i = 0; i < n; i++)
		ready(events[i].data.ptr, events[i].events);
	if (ready == on_udp)
		send_again();
}

static int
by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint32_t
percentile(double p)
{
	if (load.n_latencies == 0)
		return 0;
	return load.latencies[(size_t)((double)(load.n_latencies - 1) * p)];
}

static void
measure(void (*ready)(struct client *client, uint32_t events))
{
	int64_t begin = now_us() + WARM_UP_MS * 1000;

	while (now_us() < begin)
		turn(ready);
	/* The reader of this line looks at the server's CPU time. */
	printf("begin\n");
	fflush(stdout);
	load.measuring = true;
	begin = now_us();
	int64_t end = begin + (int64_t)(load.seconds * 1e6);
	while (now_us() < end)
		turn(ready);
	double seconds = (double)(now_us() - begin) / 1e6;
	qsort(load.latencies, load.n_latencies, sizeof(*load.latencies),
	    by_value);
	printf("{\"requests\": %llu, \"seconds\": %.3f, \"errors\": %llu, "
	       "\"p50_us\": %u, \"p99_us\": %u}\n",
	    (unsigned long long)load.requests, seconds,
	    (unsigned long long)load.errors, percentile(0.5), percentile(0.99));
}

static void
hold_until_eof(void)
{
	char byte;

	printf("begin\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
}

int
main(int argc, char **argv)
{
	int option;

	if (argc < 3)
		errx(2, "usage: load echo|connect|udp|idle ADDRESS ...");
	load.mode = argv[1];
	parse_address(argv[2]);
	argc -= 2;
	argv += 2;
	while ((option = getopt(argc, argv, "c:s:d:k:g")) != -1) {
		switch (option) {
		case 'c':
			load.n = atoi(optarg);
			break;
		case 's':
			load.size = atoi(optarg);
			break;
		case 'd':
			load.seconds = atof(optarg);
			break;
		case 'k':
			load.in_flight = atoi(optarg);
			break;
		case 'g':
			load.gso = true;
			break;
		default:
			return 2;
		}
	}
	load.epoll_fd = epoll_create1(0);
	load.buffer = calloc(1, (size_t)load.size + GSO_MAX + 65536);
	load.clients = calloc((size_t)load.n, sizeof(*load.clients));
	load.latencies = calloc(LATENCIES, sizeof(*load.latencies));
	if (load.epoll_fd == -1 || load.buffer == NULL ||
	    load.clients == NULL || load.latencies == NULL)
		err(1, "start");
	start_all();
	if (strcmp(load.mode, "echo") == 0)
		measure(on_echo);
	else if (strcmp(load.mode, "connect") == 0)
		measure(on_connect);
	else if (strcmp(load.mode, "udp") == 0)
		measure(on_udp);
	else
		hold_until_eof();
	return 0;
}
