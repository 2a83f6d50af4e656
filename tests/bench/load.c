/* SPDX-License-Identifier: ISC */
/*
 * The generator of load for tests/bench/run: one process, one epoll loop, a
 * closed loop of requests over many connections, for a fixed time. It must cost
 * as little as it can: one send, one recv and a share of an epoll_wait for each
 * request. It prints "begin" when it begins to count, one line of JSON at the
 * end, and keeps its connections until its standard input ends, so that what
 * closing them costs the server is not measured.
 *
 * usage: load echo|connect|udp|idle ADDRESS [-c connections] [-s size]
 *             [-d seconds] [-k in-flight] [-g] [-H]
 *     ADDRESS is 127.0.0.1:port or /path; -g sends with UDP_SEGMENT; -H asks
 *     by HTTP (idle only)
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/load.h"

#define WARM_UP_US    300000
#define SOURCES	      30 /* 127.0.0.2 and on */
#define ANSWER_MS     5000
#define LONGEST_US    1000000 /* latencies above are counted as this */
#define EVENTS_A_TURN 256

struct load load = {
	.n_clients = 1,
	.in_flight = 16,
	.size = 64,
	.seconds = 3,
};

static int epoll_fd = -1;
static struct sockaddr_storage address;
static socklen_t address_length;
static uint32_t latencies[LONGEST_US + 1]; /* how many of each microsecond */

static const struct load_kind *const kinds[] = { &load_echo, &load_connect,
	&load_idle, &load_udp };

int64_t
load_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
parse_address(const char *text)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&address;
	struct sockaddr_in *sin = (struct sockaddr_in *)&address;
	char host[64];

	if (*text == '/') {
		sun->sun_family = AF_UNIX;
		snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", text);
		address_length = sizeof(*sun);
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
	address_length = sizeof(*sin);
}

/* Many connections at once need many source addresses. Those that are closed
 * at once do not: the server closes first, its side keeps TIME_WAIT. */
static void
choose_source(int fd)
{
	static uint32_t turn;
	struct sockaddr_in source = { .sin_family = AF_INET };
	int on = 1;

	source.sin_addr.s_addr = htonl(0x7f000002 + turn++ % SOURCES);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&source, sizeof(source)) == -1)
		err(1, "bind");
}

/* A Unix socket's connect is waited for here: without, it would fail when the
 * queue is full. */
int
load_connect_socket(int type)
{
	int family = address.ss_family;
	int later = family == AF_UNIX ? 0 : SOCK_NONBLOCK, on = 1;
	int fd = socket(family, type | later, 0);

	if (fd == -1)
		err(1, "socket");
	if (family == AF_INET && load.kind != &load_connect)
		choose_source(fd);
	if (family == AF_INET && load.kind == &load_echo)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&address, address_length) == -1 &&
	    errno != EINPROGRESS)
		err(1, "connect");
	if (later == 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void
control(struct client *client, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = client };

	if (epoll_ctl(epoll_fd, operation, client->fd, &event) == -1)
		err(1, "epoll_ctl");
}

void
load_watch(struct client *client, uint32_t events)
{
	control(client, EPOLL_CTL_ADD, events);
}

void
load_rewatch(struct client *client, uint32_t events)
{
	control(client, EPOLL_CTL_MOD, events);
}

/* Nobody but this client is active while clients are opened. */
void
load_wait(struct client *client, uint32_t events)
{
	struct epoll_event event;
	int error = 0;
	socklen_t length = sizeof(error);

	if (epoll_wait(epoll_fd, &event, 1, ANSWER_MS) != 1 ||
	    event.data.ptr != client)
		errx(1, "no answer within %d ms", ANSWER_MS);
	getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error != 0)
		errx(1, "connect: %s", strerror(error));
	if ((event.events & events) == 0)
		errx(1, "the server closed the connection");
}

void
load_count(struct client *client)
{
	int64_t now = load_now_us(), took = now - client->since_us;

	if (load.measuring) {
		load.requests++;
		latencies[took < LONGEST_US ? took : LONGEST_US]++;
	}
	client->since_us = now;
}

static void
open_all(void)
{
	for (int i = 0; i < load.n_clients; i++)
		load.kind->open(&load.clients[i]);
	for (int i = 0; load.kind->start != NULL && i < load.n_clients; i++)
		load.kind->start(&load.clients[i]);
}

static void
turn_until(int64_t end_us)
{
	struct epoll_event events[EVENTS_A_TURN];

	while (load_now_us() < end_us) {
		int n = epoll_wait(epoll_fd, events, EVENTS_A_TURN, 50);
		for (int i = 0; i < n; i++)
			load.kind->ready(events[i].data.ptr, events[i].events);
		if (load.kind->turned != NULL)
			load.kind->turned();
	}
}

static size_t
percentile(double part)
{
	uint64_t below = (uint64_t)((double)load.requests * part);
	size_t us = 0;

	for (uint64_t seen = latencies[0]; seen <= below && us < LONGEST_US;)
		seen += latencies[++us];
	return us;
}

static void
say_result(double seconds)
{
	printf("{\"requests\": %llu, \"seconds\": %.6f, \"errors\": %llu, "
	       "\"lost\": %lld",
	    (unsigned long long)load.requests, seconds,
	    (unsigned long long)load.errors, (long long)load.lost);
	if (load.kind->has_latency)
		printf(", \"p50_us\": %zu, \"p99_us\": %zu", percentile(0.5),
		    percentile(0.99));
	printf("}\n");
	fflush(stdout);
}

static void
say_begin(void)
{
	printf("begin\n");
	fflush(stdout);
}

static void
measure(void)
{
	turn_until(load_now_us() + WARM_UP_US);
	say_begin();
	load.measuring = true;
	int64_t begin = load_now_us();
	turn_until(begin + (int64_t)(load.seconds * 1e6));
	load.measuring = false;
	say_result((double)(load_now_us() - begin) / 1e6);
}

static void
hold_until_eof(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
}

static void
parse_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "c:s:d:k:gH")) != -1) {
		switch (option) {
		case 'c':
			load.n_clients = atoi(optarg);
			break;
		case 's':
			load.size = (size_t)atol(optarg);
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
		case 'H':
			load.http = true;
			break;
		default:
			exit(2);
		}
	}
	if (load.size <= STAMP)
		errx(2, "a message has more than %d bytes", STAMP);
	if (load.n_clients < 1 || load.in_flight < 1 ||
	    load.in_flight > MAX_IN_FLIGHT)
		errx(2, "connections and in-flight (to %d) begin at 1",
		    MAX_IN_FLIGHT);
}

int
main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(argv[1], kinds[i]->name) == 0)
			load.kind = kinds[i];
	if (load.kind == NULL)
		errx(2, "usage: load echo|connect|udp|idle ADDRESS ...");
	parse_address(argv[2]);
	parse_options(argc - 2, argv + 2);
	message_init(load.size, load.kind == &load_udp ? MAX_IN_FLIGHT : 1);
	epoll_fd = epoll_create1(0);
	load.clients = calloc((size_t)load.n_clients, sizeof(*load.clients));
	if (epoll_fd == -1 || load.clients == NULL)
		err(1, "start");
	open_all();
	if (load.kind->ready != NULL)
		measure();
	else
		say_begin();
	hold_until_eof();
	return 0;
}
