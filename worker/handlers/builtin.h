/* SPDX-License-Identifier: ISC */
#ifndef WORKER_HANDLERS_BUILTIN_H
#define WORKER_HANDLERS_BUILTIN_H

#include "worker/preforkd.h"

extern const struct pf_handler handler_chargen;
extern const struct pf_handler handler_daytime;
extern const struct pf_handler handler_discard;
extern const struct pf_handler handler_echo;
extern const struct pf_handler handler_hello;
extern const struct pf_handler handler_time;
extern const struct pf_handler handler_upper;

#endif
