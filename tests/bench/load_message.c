/* SPDX-License-Identifier: ISC */
/*
 * The message of the generator: text that differs from place to place, a line
 * for those servers that read lines, with a stamp of client and serial in front
 * so that nobody can take one answer for another.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/load.h"

#define ENDS 64 /* bytes that are compared at both ends of long data */
#define LONG 4096

char *message;

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ-+";

void
message_init(size_t size, int n_copies)
{
	message = malloc(size * (size_t)n_copies);
	if (message == NULL)
		err(1, "message");
	for (int copy = 0; copy < n_copies; copy++) {
		char *to = message + size * (size_t)copy;
		uint32_t state = 1;
		for (size_t i = 0; i < size; i++) {
			state = state * 1664525 + 1013904223;
			to[i] = digits[state >> 26];
		}
		to[size - 1] = '\n';
	}
}

static void
put_digits(char *to, uint32_t value)
{
	for (int i = 0; i < STAMP / 2; i++)
		to[i] = digits[value >> (6 * i) & 63];
}

void
message_stamp(char *to, uint32_t client, uint32_t serial)
{
	put_digits(to, client);
	put_digits(to + STAMP / 2, serial);
}

static uint32_t
value_of(char digit)
{
	if (digit >= '0' && digit <= '9')
		return (uint32_t)(digit - '0');
	if (digit >= 'a' && digit <= 'z')
		return (uint32_t)(digit - 'a' + 10);
	if (digit >= 'A' && digit <= 'Z')
		return (uint32_t)(digit - 'A' + 36);
	return digit == '-' ? 62 : 63;
}

uint32_t
message_serial(const char *from)
{
	uint32_t value = 0;

	for (int i = 0; i < STAMP / 2; i++)
		value |= value_of(from[STAMP / 2 + i]) << (6 * i);
	return value;
}

void
message_check(const char *data, size_t offset, size_t length)
{
	const char *right = message + offset;
	size_t head = length > LONG ? ENDS : length;
	size_t tail = length > LONG ? ENDS : 0;

	if (memcmp(data, right, head) != 0 ||
	    memcmp(data + length - tail, right + length - tail, tail) != 0)
		errx(1, "other bytes returned than were sent");
}
