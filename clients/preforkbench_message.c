/* SPDX-License-Identifier: ISC */
/*
 * The text of requests. Every process of preforkbench makes the same.
 */
#include <stdlib.h>

#include "clients/preforkbench_message.h"

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ-+";

uint16_t message_digits[4096];
static uint8_t values[256]; /* of a digit */

static void
make_tables(void)
{
	for (unsigned i = 0; i < 64; i++)
		values[(unsigned char)digits[i]] = (uint8_t)i;
	for (unsigned i = 0; i < 4096; i++) {
		const char two[2] = { digits[i & 63], digits[i >> 6] };
		memcpy(&message_digits[i], two, sizeof(two));
	}
}

/* No stretch of it is like another of the same length. */
static void
write_text(char *to, size_t size)
{
	uint32_t state = 1;

	for (size_t i = 0; i < size; i++) {
		state = state * 1664525 + 1013904223;
		to[i] = digits[state >> 26];
	}
	to[size - 1] = '\n';
}

bool
message_init(struct message *message, size_t size, size_t n_copies)
{
	make_tables();
	message->size = size;
	message->n_copies = n_copies;
	/* The newline stays. */
	message->stamp = size > MESSAGE_STAMP ? MESSAGE_STAMP : size - 1;
	message->text = reallocarray(NULL, n_copies, size);
	if (message->text == NULL)
		return false;
	for (size_t i = 0; i < n_copies; i++)
		write_text(message->text + i * size, size);
	return true;
}

void
message_clear(struct message *message)
{
	free(message->text);
	message->text = NULL;
}

uint32_t
message_serial(const char *data)
{
	uint32_t serial = 0;

	for (int i = 0; i < MESSAGE_STAMP / 2; i++)
		serial |= (uint32_t)values[(unsigned char)data[i]] << (6 * i);
	return serial;
}
