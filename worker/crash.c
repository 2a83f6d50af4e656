/* SPDX-License-Identifier: ISC */
/*
 * The last words of a worker that crashes. What runs here runs in the handler
 * of a signal that may have come anywhere, with the heap in pieces and the
 * stack used up: on a stack of its own, with system calls and arithmetic, and
 * nothing else. No printf, no allocation, no lock. Everything that needs
 * those has been made ready before, by crash_watch().
 *
 * One report, then the signal acts as if nobody had caught it.
 */
#include <sys/socket.h>

#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/crash.h"
#include "worker/worker.h"

#define STACK_BYTES 65536 /* the largest register set takes 11 KiB of it */
#define MODULES_MAX 128	  /* parts of programs that can be run */

static const struct crash_signal {
	int number;
	const char *name;
} signals[] = {
	{ SIGSEGV, "SEGV" },
	{ SIGBUS, "BUS" },
	{ SIGILL, "ILL" },
	{ SIGFPE, "FPE" },
	{ SIGABRT, "ABRT" },
};
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

/* Code of the program or of a library, and what to subtract. */
struct module {
	uintptr_t start, end, base;
	char name[32];
};

static struct {
	char stack[STACK_BYTES] __attribute__((aligned(16)));
	struct module modules[MODULES_MAX];
	size_t n_modules;
	char head[160]; /* of the line, between its stamp and "crashed" */
	int channel_fd;
	volatile sig_atomic_t reported;
} crash;

/* --- text, by hand ---------------------------------------------------------*/

struct line {
	char text[WORKER_TEXT_MAX];
	size_t len;
};

static void
add_text(struct line *line, const char *text)
{
	while (*text != '\0' && line->len < sizeof(line->text) - 2)
		line->text[line->len++] = *text++;
}

static void
add_number(struct line *line, uint64_t number, unsigned base)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number != 0);
	if (base == 16)
		add_text(line, "0x");
	add_text(line, &digits[at]);
}

static const char *
name_of(int number)
{
	for (size_t i = 0; i < N_SIGNALS; i++) {
		if (signals[i].number == number)
			return signals[i].name;
	}
	return "?";
}

/* The kernel's own, for an instruction that failed, or sent by somebody. */
static void
add_cause(struct line *line, const siginfo_t *info)
{
	if (info->si_code > 0) {
		add_text(line, ", code ");
		add_number(line, (uint64_t)info->si_code, 10);
		add_text(line, ", address ");
		add_number(line, (uintptr_t)info->si_addr, 16);
	} else if (info->si_pid == getpid())
		add_text(line, ", sent by itself");
	else {
		add_text(line, ", sent by pid ");
		add_number(line, (uint64_t)info->si_pid, 10);
	}
}

static uintptr_t
instruction(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__i386__)
	return (uintptr_t)context->uc_mcontext.gregs[REG_EIP];
#elif defined(__aarch64__)
	return (uintptr_t)context->uc_mcontext.pc;
#elif defined(__riscv)
	return (uintptr_t)context->uc_mcontext.__gregs[REG_PC];
#else
	(void)context;
	return 0;
#endif
}

static void
add_place(struct line *line, uintptr_t at)
{
	add_text(line, ", at ");
	for (size_t i = 0; i < crash.n_modules; i++) {
		const struct module *module = &crash.modules[i];
		if (at < module->start || at >= module->end)
			continue;
		add_text(line, module->name);
		add_text(line, "+");
		at -= module->base;
		break;
	}
	add_number(line, at, 16);
}

/* --- the report ------------------------------------------------------------*/

static void
compose(struct line *line, int number, const siginfo_t *info,
    const ucontext_t *context)
{
	add_text(line, "crashed: signal ");
	add_number(line, (uint64_t)number, 10);
	add_text(line, " (");
	add_text(line, name_of(number));
	add_text(line, ")");
	add_cause(line, info);
	add_place(line, instruction(context));
}

/* A syslog cannot be written to from here: the supervisor does it. */
static void
tell_supervisor(const struct line *what)
{
	struct worker_message message = { .type = MESSAGE_CRASHED };
	size_t size = offsetof(struct worker_message, body) + what->len + 1;

	memcpy(message.body.text, what->text, what->len);
	(void)send(
	    crash.channel_fd, &message, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
tell(const struct line *what)
{
	struct line line = { .len = 0 };
	char stamp[32];

	if (log_fd() == -1) {
		tell_supervisor(what);
		return;
	}
	clock_stamp(stamp, sizeof(stamp));
	add_text(&line, stamp);
	add_text(&line, crash.head);
	add_text(&line, what->text);
	line.text[line.len++] = '\n';
	(void)log_put_line(line.text, line.len);
}

/* By now the signal has its default action again (SA_RESETHAND). One of the
 * kernel's comes again when the instruction is, with everything a core file
 * tells of it; one that was sent has to be sent anew. */
static void
on_crash(int number, siginfo_t *info, void *context)
{
	struct line line = { .len = 0 };
	int saved = errno;

	if (!crash.reported) {
		crash.reported = 1;
		compose(&line, number, info, context);
		tell(&line);
	}
	if (info->si_code <= 0)
		raise(number);
	errno = saved;
}

/* --- before it -------------------------------------------------------------*/

static void
add_module(const struct dl_phdr_info *info, const ElfW(Phdr) * part)
{
	struct module *module = &crash.modules[crash.n_modules++];
	const char *slash = strrchr(info->dlpi_name, '/');
	const char *name = slash == NULL ? info->dlpi_name : slash + 1;

	module->base = info->dlpi_addr;
	module->start = info->dlpi_addr + part->p_vaddr;
	module->end = module->start + part->p_memsz;
	strlcpy(module->name, *name == '\0' ? "preforkd" : name,
	    sizeof(module->name));
}

static int
look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0 &&
		    crash.n_modules < MODULES_MAX)
			add_module(info, part);
	}
	return 0;
}

static void
take_stack(void)
{
	stack_t old,
	    own = {
		    .ss_sp = crash.stack,
		    .ss_size = sizeof(crash.stack),
	    };

	if (sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE) != 0)
		sigaltstack(&own, NULL);
}

void
crash_watch(const char *name, int channel_fd)
{
	struct sigaction action = {
		.sa_sigaction = on_crash,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND,
	};
	struct sigaction old;

	crash.channel_fd = channel_fd;
	snprintf(crash.head, sizeof(crash.head),
	    " preforkd[%d]: %s: worker %s: ", (int)getpid(),
	    log_level_names[LOG_LEVEL_ERROR], name);
	dl_iterate_phdr(look_at, NULL);
	take_stack();
	/* A crash within the report is final. */
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < N_SIGNALS; i++)
		sigaddset(&action.sa_mask, signals[i].number);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		if (sigaction(signals[i].number, NULL, &old) == 0 &&
		    old.sa_handler == SIG_DFL)
			sigaction(signals[i].number, &action, NULL);
	}
}
