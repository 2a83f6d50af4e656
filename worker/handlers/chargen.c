/* SPDX-License-Identifier: ISC */
/*
 * chargen (RFC 864): lines of 72 printable characters, each beginning one
 * character later than the line before, for as long as the peer reads. Not
 * on datagrams, where it would answer a little with a lot.
 */
#include <string.h>

#include "worker/handlers/builtin.h"

#define FIRST	  32 /* blank */
#define N_CHARS	  95 /* printable ASCII */
#define LINE_LEN  72
#define LINE_SIZE (LINE_LEN + 2) /* with CR LF */
#define N_LINES	  111		 /* a portion: about 8 KiB */

struct position {
	unsigned line; /* the next, modulo N_CHARS */
};

static void
write_line(char *line, unsigned first)
{
	for (unsigned i = 0; i < LINE_LEN; i++)
		line[i] = (char)(FIRST + (first + i) % N_CHARS);
	memcpy(line + LINE_LEN, "\r\n", 2);
}

static void
more(struct pf_connection *connection)
{
	struct position *position = pf_state(connection);
	char text[N_LINES * LINE_SIZE];

	for (unsigned i = 0; i < N_LINES; i++)
		write_line(
		    text + i * LINE_SIZE, (position->line + i) % N_CHARS);
	position->line = (position->line + N_LINES) % N_CHARS;
	pf_send(connection, text, sizeof(text));
}

const struct pf_handler handler_chargen = {
	.abi = PF_ABI,
	.name = "chargen",
	.help = "send lines of characters for as long as the peer reads",
	.transports = PF_STREAM,
	.state_size = sizeof(struct position),
	.opened = more,
	.drained = more,
};
