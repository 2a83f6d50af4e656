/* SPDX-License-Identifier: ISC */
/*
 * The log of one process: a level, and one destination that is a descriptor
 * or syslogd(8). Used by every process of the daemon; a worker inherits it.
 *
 * It must never block and never fail its caller: a line that does not go out
 * at once is dropped and counted. It must never put bytes of a peer into a
 * line by itself: callers pass them through log_escape().
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define LIBBSD_OPENBSD_VIS
#include <vis.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/syslog_socket.h"

#define LINE_MAX_BYTES 2048  /* below PIPE_BUF, so lines never mix */
#define LIMIT_MS       60000 /* between two lines that a peer can cause */

const char *const log_level_names[] = { "debug", "info", "warn", "error",
	NULL };

static const int syslog_priorities[] = { LOG_DEBUG, LOG_INFO, LOG_WARNING,
	LOG_ERR };

static struct {
	const char *name;
	char role[96];
	enum log_level level;
	int fd;		    /* -1: syslog */
	bool is_stderr;	    /* standard error, or that opened once more */
	bool is_socket;	    /* needs send(2) with MSG_DONTWAIT */
	bool may_wait;	    /* a pipe or terminal without O_NONBLOCK */
	bool torn;	    /* it ends with half a line of ours */
	uint64_t n_dropped; /* ever */
	uint64_t n_untold;  /* dropped since the last line that went out */
} state = { .name = "preforkd", .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO };

static bool
is_pipe_or_terminal(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(fd));
}

static bool
is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/*
 * O_NONBLOCK belongs to the open file, which a shell or a service manager may
 * share with us. Opening it once more gives flags of our own. That fails for
 * one that is somebody else's, and for a pipe without a reader.
 */
static int
reopen_nonblocking(int fd)
{
	char path[32];

	if (!is_pipe_or_terminal(fd))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void
close_destination(void)
{
	if (state.fd > STDERR_FILENO)
		close(state.fd);
	else if (state.fd == -1)
		syslog_socket_close();
	state.fd = STDERR_FILENO;
	state.is_stderr = false;
}

static void
use(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	state.fd = fd;
	state.torn = false;
	state.is_socket = is_socket(fd);
	state.may_wait = is_pipe_or_terminal(fd) && (flags & O_NONBLOCK) == 0;
}

void
log_to_fd(int fd)
{
	/* What has been opened once may not be to be had again. */
	if (fd == STDERR_FILENO && state.is_stderr)
		return;
	int own = reopen_nonblocking(fd);
	if (own != -1 && fd > STDERR_FILENO)
		close(fd);
	close_destination();
	state.is_stderr = fd == STDERR_FILENO;
	use(own == -1 ? fd : own);
}

void
log_replace_stderr(int fd)
{
	(void)dup2(fd, STDERR_FILENO);
	close(fd);
	use(STDERR_FILENO);
}

void
log_to_syslog(void)
{
	/* The socket that is shared with others stays the same. */
	if (state.fd != -1)
		close_destination();
	syslog_socket_open();
	state.fd = -1;
}

void
log_to_shared_syslog(int fd)
{
	syslog_socket_share(fd);
	log_to_syslog();
}

void
log_keep_syslog(void)
{
	if (state.fd == -1)
		syslog_socket_keep();
}

int
log_syslog_fd(void)
{
	return syslog_socket_fd();
}

void
log_init(const char *name, enum log_level level)
{
	state.name = name;
	state.level = level;
	log_to_fd(STDERR_FILENO);
}

void
log_set_role(const char *role)
{
	strlcpy(state.role, role, sizeof(state.role));
}

void
log_set_level(enum log_level level)
{
	state.level = level;
}

enum log_level
log_get_level(void)
{
	return state.level;
}

int
log_fd(void)
{
	return state.fd;
}

uint64_t
log_dropped(void)
{
	return state.n_dropped;
}

/*
 * Without waiting, whatever the flags of the open file are. Not every file can
 * be asked for that: poll(2) tells whether a pipe has room for a line, unless
 * somebody else takes it in the same moment.
 */
static ssize_t
write_now(int fd, const struct iovec *parts, int n_parts)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	ssize_t n = pwritev2(fd, parts, n_parts, -1, RWF_NOWAIT);

	if (n != -1 || (errno != EOPNOTSUPP && errno != ENOSYS))
		return n;
	if (poll(&ready, 1, 0) <= 0 || (ready.revents & POLLOUT) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return writev(fd, parts, n_parts);
}

static ssize_t
write_parts(
    int fd, bool socket, bool may_wait, struct iovec *parts, int n_parts)
{
	struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = (size_t)n_parts,
	};

	if (socket)
		return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	return may_wait ? write_now(fd, parts, n_parts)
			: writev(fd, parts, n_parts);
}

/* *TORN: what was put there last was cut, for want of room; the next line
 * begins on one of its own. */
static bool
put(int fd, bool socket, bool may_wait, bool *torn, const char *line,
    size_t len)
{
	char newline = '\n';
	struct iovec parts[] = { { &newline, 1 }, { NULL, len } };
	ssize_t skipped = *torn ? 1 : 0, n;

	memcpy(&parts[1].iov_base, &line, sizeof(line));
	do {
		n = write_parts(fd, socket, may_wait, *torn ? parts : parts + 1,
		    *torn ? 2 : 1);
	} while (n == -1 && errno == EINTR);
	bool whole = n == skipped + (ssize_t)len;
	if (n > 0)
		*torn = !whole && n > skipped;
	else if (n == -1 &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		*torn = true; /* perhaps: by a process that came first */
	return whole;
}

bool
log_put_line(const char *line, size_t len)
{
	return state.fd != -1 &&
	    put(state.fd, state.is_socket, state.may_wait, &state.torn, line,
		len);
}

bool
log_write_line(int fd, bool *torn, const char *line, size_t len)
{
	return put(fd, false, false, torn, line, len);
}

/* Stamp, program, pid and role in front; a newline behind. */
static size_t
compose(char *line, size_t size, enum log_level level, const char *text)
{
	char stamp[32];

	clock_stamp(stamp, sizeof(stamp));
	int len = snprintf(line, size, "%s %s[%d]: %s: %s%s%s\n", stamp,
	    state.name, (int)getpid(), log_level_names[level], state.role,
	    state.role[0] == '\0' ? "" : ": ", text);
	if ((size_t)len < size)
		return (size_t)len;
	line[size - 2] = '\n';
	return size - 1;
}

static bool
emit_to_syslog(enum log_level level, const char *text)
{
	char line[LINE_MAX_BYTES];

	snprintf(line, sizeof(line), "%s%s%s", state.role,
	    state.role[0] == '\0' ? "" : ": ", text);
	return syslog_socket_send(
	    LOG_DAEMON | syslog_priorities[level], state.name, line);
}

static bool
emit(enum log_level level, const char *text)
{
	char line[LINE_MAX_BYTES];

	if (state.fd == -1)
		return emit_to_syslog(level, text);
	size_t len = compose(line, sizeof(line), level, text);
	return log_put_line(line, len);
}

static void
tell_dropped(void)
{
	char text[64];

	if (state.n_untold == 0)
		return;
	snprintf(text, sizeof(text), "%llu log lines were dropped",
	    (unsigned long long)state.n_untold);
	if (emit(LOG_LEVEL_WARN, text))
		state.n_untold = 0;
}

static void vlog(enum log_level level, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
vlog(enum log_level level, const char *format, va_list ap)
{
	char text[LINE_MAX_BYTES];
	int saved = errno;

	if (level < state.level)
		return;
	vsnprintf(text, sizeof(text), format, ap);
	tell_dropped();
	if (!emit(level, text)) {
		state.n_dropped++;
		state.n_untold++;
	}
	errno = saved;
}

#define LOG_FUNCTION(name, level)          \
	void name(const char *format, ...) \
	{                                  \
		va_list ap;                \
                                           \
		va_start(ap, format);      \
		vlog(level, format, ap);   \
		va_end(ap);                \
	}

LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)

void
fatal(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vlog(LOG_LEVEL_ERROR, format, ap);
	va_end(ap);
	exit(status);
}

bool
log_allowed(struct log_limit *limit, int64_t now_ms, uint64_t *suppressed)
{
	if (now_ms < limit->next_ms) {
		limit->n_suppressed++;
		return false;
	}
	*suppressed = limit->n_suppressed;
	limit->n_suppressed = 0;
	limit->next_ms = now_ms + LIMIT_MS;
	return true;
}

static char *
escape(char *dst, size_t size, const void *src, size_t len, int flags)
{
	const unsigned char *bytes = src;
	char *end = dst;

	*end = '\0';
	for (size_t i = 0; i < len; i++) {
		unsigned char next = i + 1 < len ? bytes[i + 1] : 0;
		char encoded[8];
		vis(encoded, bytes[i],
		    VIS_CSTYLE | VIS_OCTAL | VIS_NL | VIS_TAB | flags, next);
		if (strlcpy(end, encoded, size) >= size) {
			*end = '\0';
			break;
		}
		size -= strlen(encoded);
		end += strlen(encoded);
	}
	return dst;
}

char *
log_escape(char *dst, size_t size, const void *src, size_t len)
{
	return escape(dst, size, src, len, 0);
}

char *
log_escape_word(char *dst, size_t size, const void *src, size_t len)
{
	return escape(dst, size, src, len, VIS_SP);
}
