/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the generator share: load.c runs the loop, load_stream.c
 * and load_udp.c are the kinds of load, load_message.c is what is sent and held
 * against what returns.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAMP	      8 /* bytes of a message that differ from all others */
#define MAX_IN_FLIGHT 64
#define SERIAL_MASK   0xffffffU

struct client {
	int fd;
	size_t sent;	   /* of the current request */
	size_t received;   /* of the current answer */
	int64_t since_us;  /* when the request began */
	char stamp[STAMP]; /* of the current request */
	uint32_t serial;   /* of the next request */
	uint32_t expected; /* datagrams: serial of the next answer */
	int outstanding;   /* datagrams: sent and not yet answered or lost */
	bool writing;	   /* the loop waits for room to send */
};

/* One kind of load: how it begins, what it does when a client is ready, what
 * it does after each turn of the loop. start and turned may be NULL. */
struct load_kind {
	const char *name;
	void (*open)(struct client *client);
	void (*start)(struct client *client);
	void (*ready)(struct client *client, uint32_t events);
	void (*turned)(void);
	bool has_latency;
};

struct load {
	const struct load_kind *kind;
	int n_clients, in_flight;
	size_t size; /* of a message */
	double seconds;
	bool gso, http;
	struct client *clients;
	bool measuring;
	uint64_t requests, errors;
	int64_t lost; /* what was late is taken off again */
};
extern struct load load;

extern const struct load_kind load_echo, load_connect, load_idle, load_udp;

int64_t load_now_us(void);
/* A non-blocking socket that is connected, or about to be when tcp. */
int load_connect_socket(int type);
/* Adds the client to the loop, or changes what it waits for. */
void load_watch(struct client *client, uint32_t events);
void load_rewatch(struct client *client, uint32_t events);
/* Waits until the client has one of the events, or ends the program. */
void load_wait(struct client *client, uint32_t events);
/* A request of the client is answered: counts it, starts its clock again. */
void load_count(struct client *client);

/* The message: size bytes of text that end with a newline, n_copies times. */
extern char *message;
void message_init(size_t size, int n_copies);
/* Writes the stamp of client and serial. */
void message_stamp(char *to, uint32_t client, uint32_t serial);
uint32_t message_serial(const char *from);
/* Ends the program when data is not the message's bytes from offset on; of long
 * data both ends are looked at. The first copy bears the right stamp. */
void message_check(const char *data, size_t offset, size_t length);

#endif
