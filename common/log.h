/* SPDX-License-Identifier: ISC */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_DEBUG = 0,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR
};

extern const char *const log_level_names[]; /* NULL-terminated */

/*
 * The log of this process: one destination, one level. Nothing here blocks:
 * a line that the destination does not take at once is dropped and counted,
 * and the next that gets through is preceded by a line with the count.
 */

/* Begins on standard error; NAME stands in each line ("preforkd"). */
void log_init(const char *name, enum log_level level);

/* The name may grow with the role: "worker default/3". Copied. */
void log_set_role(const char *role);

void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* To syslogd(8) (facility daemon) from now on. Its socket is opened at once, so
 * that it survives a chroot. */
void log_to_syslog(void);

/* The same by FD, the socket of another process, which log owns from now on:
 * for one that could not connect a socket of its own. */
void log_to_shared_syslog(int fd);

/* For a log that is there: finds it again for all that share the socket. */
void log_keep_syslog(void);

/* That socket, or -1. Still log's. */
int log_syslog_fd(void);

/* To the descriptor FD, which log owns from now on (the one before is
 * closed). Pipes and terminals are reopened non-blocking by /proc/self/fd
 * where that is allowed, so that their other users notice nothing; standard
 * error only once. Where it is not they are asked each time. */
void log_to_fd(int fd);

/* For a log on standard error: that is FD from now on, which is closed, so
 * that there is one descriptor as before. */
void log_replace_stderr(int fd);

/* The descriptor the log writes to, or -1 for syslog. Still log's. */
int log_fd(void);

/* Lines dropped so far by this process. */
uint64_t log_dropped(void);

/* A message in lower case, what failed first, the object in quotes, without
 * a newline at the end. Messages with %m-like text use strerror(3) at the
 * end: log_error("cannot bind \"%s\": %s", ...). */
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Logs an error and exits with STATUS. At start only. */
_Noreturn void fatal(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * For what a peer can cause: one line a minute for each limit; true when this
 * one may be logged. *SUPPRESSED gets the number swallowed since the last.
 */
struct log_limit {
	int64_t next_ms;
	uint64_t n_suppressed;
};
bool log_allowed(struct log_limit *limit, int64_t now_ms, uint64_t *suppressed);

/* LEN bytes of SRC made printable (strvisx, C style), cut to fit. Returns
 * DST, always terminated. */
char *log_escape(char *dst, size_t size, const void *src, size_t len);

/* The same without blanks, for a field of a line. */
char *log_escape_word(char *dst, size_t size, const void *src, size_t len);

/* One whole line, stamp and newline included, to the log as it is. False when
 * that is syslog, or did not take it. Safe in the handler of a signal. */
bool log_put_line(const char *line, size_t len);

/* Writes one whole line (newline included) to FD, which does not block, for
 * the access log. False when it was not taken; *TORN then tells whether half of
 * it was, so that the next one begins with a newline. */
bool log_write_line(int fd, bool *torn, const char *line, size_t len);

#endif
