/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_MESSAGE_H
#define CLIENTS_PREFORKBENCH_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * What is sent and held against what returns: text that differs from place to
 * place and ends with a newline, for those servers that read lines, behind a
 * stamp of the request's number and the client's, so that no answer can be
 * taken for another. As many copies stand one behind the other as one call is
 * to send. One a process; text only, so that every service takes it.
 */
#define MESSAGE_STAMP	    8
#define MESSAGE_SERIAL_MASK 0xffffffU /* what a stamp has of a number */

struct message {
	char *text; /* n_copies of it */
	size_t size, n_copies;
	size_t stamp; /* bytes of the stamp that there is room for */
};

/* Two digits of text for 12 bits; filled by message_init(). */
extern uint16_t message_digits[4096];

/* False when there is no memory. message_clear() frees it. */
bool message_init(struct message *message, size_t size, size_t n_copies);
void message_clear(struct message *message);

/* Writes the stamp of CLIENT and SERIAL on a copy. */
static inline void
message_stamp(
    struct message *message, size_t copy, uint32_t client, uint32_t serial)
{
	char *to = message->text + copy * message->size;
	const uint16_t stamp[] = {
		message_digits[serial & 4095],
		message_digits[serial >> 12 & 4095],
		message_digits[client & 4095],
		message_digits[client >> 12 & 4095],
	};

	if (message->stamp == MESSAGE_STAMP)
		memcpy(to, stamp, MESSAGE_STAMP);
	else
		memcpy(to, stamp, message->stamp);
}

/* True when LENGTH bytes at DATA are those of the first copy from OFFSET on. */
static inline bool
message_is(const struct message *message, const char *data, size_t offset,
    size_t length)
{
	return memcmp(data, message->text + offset, length) == 0;
}

/* The number in the stamp of DATA, of at least 4 bytes; whatever else they are,
 * some number. */
uint32_t message_serial(const char *data);

#endif
