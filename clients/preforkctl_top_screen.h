/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCTL_TOP_SCREEN_H
#define CLIENTS_PREFORKCTL_TOP_SCREEN_H

#include <stdbool.h>

#include "clients/preforkctl_top_model.h"

/* What the user has chosen, and what is to be said at the bottom. */
struct top_view {
	enum top_order order;
	char selected[64]; /* worker, by name, with its pid: it may move */
	int64_t selected_pid;
	char message[160]; /* "" : the keys */
	bool help;
};

/* Takes over the terminal of standard input and output (ncurses(3)). False with
 * a phrase in *WHY when that cannot be. */
bool screen_open(const char **why);

/* Gives the terminal back as it was. Harmless when it was not taken. */
void screen_close(void);

/* Whether the terminal takes bytes now. */
bool screen_takes(void);

/* Draws it all; blocks as long as the terminal takes no bytes. */
void screen_draw(const struct top_model *model, const struct top_view *view);

/* The size of the window has changed. */
void screen_resize(void);

/* The next key that was pressed, or ERR; does not wait. */
int screen_key(void);

#endif
