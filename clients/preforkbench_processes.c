/* SPDX-License-Identifier: ISC */
/*
 * The first process: forks those that make the load, says when it begins and
 * ends, and waits. What they count is in memory that all share, each in a part
 * of its own; bytes in a pipe tell how far they are. Signals come to this
 * process only, the others have them blocked and die with it.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/preforkbench_cpu.h"
#include "clients/preforkbench_load.h"
#include "clients/preforkbench_processes.h"
#include "clients/preforkbench_progress.h"

#define MS_NS	    INT64_C(1000000)
#define STOP_NS	    (INT64_C(1000) * MS_NS) /* to end after a signal */
#define PROGRESS_NS (INT64_C(500) * MS_NS)
#define BYTE_OPENED '1'
#define BYTE_ENDED  '2'

/* In shared memory. */
struct shared {
	struct load_clock clock;
	struct result results[];
};

static struct processes {
	struct shared *shared;
	size_t shared_size;
	pid_t *pids;
	unsigned n, n_opened, n_ended, n_gone;
	int from[2];	/* bytes of the processes */
	int go[2];	/* its end begins the load */
	int release[2]; /* its end ends the processes */
	int signal_fd;
	bool interrupted;
	bool input_ended; /* --hold */
} processes;

/* --- a process of the load ----------------------------------------------- */

static void
wait_for_end_of(int fd)
{
	char byte;

	while (read(fd, &byte, 1) == -1 && errno == EINTR)
		continue;
}

static void
tell(char byte)
{
	(void)!write(processes.from[1], &byte, 1);
}

static _Noreturn void
run_process(
    const struct options *options, const struct target *target, unsigned number)
{
	struct shared *shared = processes.shared;
	struct load load;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(processes.go[1]);
	close(processes.release[1]);
	close(processes.from[0]);
	close(processes.signal_fd);
	if (!load_init(&load, options, target, &shared->clock,
		&shared->results[number], number)) {
		options_complain("cannot begin: %s", strerror(errno));
		_exit(BENCH_FAILED);
	}
	load_open(&load);
	tell(BYTE_OPENED);
	wait_for_end_of(processes.go[0]);
	load_run(&load);
	tell(BYTE_ENDED);
	wait_for_end_of(processes.release[0]);
	load_close(&load);
	_exit(BENCH_DONE);
}

/* --- making them --------------------------------------------------------- */

static bool
make_shared(const struct options *options)
{
	processes.n = options->n_processes;
	processes.shared_size =
	    sizeof(struct shared) + processes.n * sizeof(struct result);
	void *memory = mmap(NULL, processes.shared_size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return false;
	processes.shared = memory;
	processes.pids = calloc(processes.n, sizeof(pid_t));
	return processes.pids != NULL;
}

static bool
take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	processes.signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return processes.signal_fd != -1;
}

static bool
fork_all(const struct options *options, const struct target *target)
{
	fflush(NULL);
	for (unsigned i = 0; i < processes.n; i++) {
		processes.pids[i] = fork();
		if (processes.pids[i] == 0)
			run_process(options, target, i);
		if (processes.pids[i] == -1)
			return false;
	}
	close(processes.go[0]);
	close(processes.release[0]);
	close(processes.from[1]);
	return true;
}

/* --- waiting ------------------------------------------------------------- */

static void
stop(void)
{
	__atomic_store_n(&processes.shared->clock.stop, 1, __ATOMIC_RELAXED);
}

/* One that ended before it was let go did not mean to. */
static void
reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		processes.n_gone++;
		for (unsigned i = 0; i < processes.n; i++) {
			if (processes.pids[i] == pid)
				processes.pids[i] = 0;
		}
	}
}

static void
on_signals(void)
{
	struct signalfd_siginfo info;

	while (read(processes.signal_fd, &info, sizeof(info)) ==
	    (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			reap();
			continue;
		}
		processes.interrupted = true;
		stop();
	}
}

static void
on_bytes(void)
{
	char bytes[64];
	ssize_t n = read(processes.from[0], bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n; i++) {
		processes.n_opened += bytes[i] == BYTE_OPENED;
		processes.n_ended += bytes[i] == BYTE_ENDED;
	}
}

/* Waits until UNTIL_NS or something happens. WITH_INPUT: its end stops all. */
static void
wait_until(int64_t until_ns, bool with_input)
{
	int64_t left_ns = until_ns - load_time();
	char bytes[256];
	struct pollfd fds[] = {
		{ .fd = processes.signal_fd, .events = POLLIN },
		/* All ends of it are closed when no process is left. */
		{ .fd = processes.n_gone < processes.n ? processes.from[0] : -1,
		    .events = POLLIN },
		{ .fd = with_input && !processes.input_ended ? STDIN_FILENO
							     : -1,
		    .events = POLLIN },
	};

	if (left_ns < 0)
		left_ns = 0;
	const struct timespec left = {
		.tv_sec = left_ns / (1000 * MS_NS),
		.tv_nsec = left_ns % (1000 * MS_NS),
	};
	if (ppoll(fds, 3, &left, NULL) <= 0)
		return;
	if (fds[0].revents != 0)
		on_signals();
	if (fds[1].revents != 0)
		on_bytes();
	if (fds[2].revents != 0 &&
	    read(STDIN_FILENO, bytes, sizeof(bytes)) <= 0) {
		processes.input_ended = true;
		stop();
	}
}

static bool
all_opened(void)
{
	return processes.n_opened + processes.n_gone >= processes.n;
}

/* A stopped one has a second to come to its end. */
static bool
all_ended(int64_t *give_up_ns)
{
	if (processes.n_ended + processes.n_gone >= processes.n)
		return true;
	if (!processes.interrupted)
		return false;
	if (*give_up_ns == INT64_MAX)
		*give_up_ns = load_time() + STOP_NS;
	return load_time() >= *give_up_ns;
}

/* --- a run --------------------------------------------------------------- */

static uint64_t
count_open(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < processes.n; i++)
		n += processes.shared->results[i].open;
	return n;
}

static void
wait_for_openings(const struct options *options)
{
	while (!all_opened() && !processes.interrupted)
		wait_until(load_time() + PROGRESS_NS, options->hold);
}

/* The part that counts begins: first the world is told, for it may measure,
 * too. Returns the CPU time of --cpu-of. */
static int64_t
begin_to_count(const struct options *options)
{
	struct load_clock *clock = &processes.shared->clock;

	if (options->mark) {
		puts("begin");
		fflush(stdout);
	}
	int64_t cpu_ns = cpu_of_tree(options->cpu_of);
	clock->begin_ns = load_time();
	clock->end_ns = clock->begin_ns + options->duration_ms * MS_NS;
	__atomic_store_n(&clock->counts, 1, __ATOMIC_RELEASE);
	return cpu_ns;
}

/* Lets the load begin, and waits until it counts. Returns the same. */
static int64_t
begin(const struct options *options)
{
	struct load_clock *clock = &processes.shared->clock;
	int64_t give_up_ns = INT64_MAX, cpu_ns;

	if (options->warm_up_ms == 0) {
		cpu_ns = begin_to_count(options);
		clock->start_ns = clock->begin_ns;
		close(processes.go[1]);
		return cpu_ns;
	}
	clock->start_ns = load_time();
	close(processes.go[1]);
	int64_t warm_ns = clock->start_ns + options->warm_up_ms * MS_NS;
	while (load_time() < warm_ns && !all_ended(&give_up_ns))
		wait_until(warm_ns, options->hold);
	return begin_to_count(options);
}

static void
wait_for_end(const struct options *options)
{
	const struct load_clock *clock = &processes.shared->clock;
	int64_t give_up_ns = INT64_MAX, next_ns = load_time() + PROGRESS_NS;
	bool shows = progress_init();

	while (!all_ended(&give_up_ns)) {
		int64_t now_ns = load_time();
		if (now_ns >= next_ns) {
			if (shows)
				progress_show(processes.shared->results,
				    processes.n, clock->begin_ns, clock->end_ns,
				    now_ns);
			next_ns += PROGRESS_NS;
			continue;
		}
		/* It is for a terminal only, or for one that does not end. */
		wait_until(shows || processes.interrupted
			? next_ns
			: now_ns + 3600 * 1000 * MS_NS,
		    options->hold);
	}
	if (shows)
		progress_clear();
}

/* How long it took: to the end that was set, when the load went on until then;
 * to the last answer when it had an end of its own, or took longer because a
 * schedule was not held. */
static double
seconds_of(const struct options *options, const struct result *result,
    int64_t stopped_ns)
{
	const struct load_clock *clock = &processes.shared->clock;
	int64_t end_ns = clock->end_ns;

	if (options->mode == MODE_IDLE || clock->stop != 0)
		end_ns = stopped_ns < end_ns ? stopped_ns : end_ns;
	else if (options->n_requests > 0 && result->last_ns > clock->begin_ns &&
	    result->last_ns < end_ns)
		end_ns = result->last_ns;
	else if (options->rate > 0 && result->last_ns > end_ns)
		end_ns = result->last_ns;
	return end_ns > clock->begin_ns
	    ? (double)(end_ns - clock->begin_ns) / 1e9
	    : 0;
}

static void
run(const struct options *options, struct outcome *outcome)
{
	struct shared *shared = processes.shared;
	int64_t cpu_ns = -1;

	wait_for_openings(options);
	/* Nothing to load without a single connection. */
	if ((options->mode == MODE_CONNECT || count_open() > 0) &&
	    !processes.interrupted) {
		cpu_ns = begin(options);
		wait_for_end(options);
		if (cpu_ns != -1) {
			int64_t after_ns = cpu_of_tree(options->cpu_of);
			cpu_ns = after_ns == -1 ? -1 : after_ns - cpu_ns;
		}
	}
	int64_t stopped_ns = load_time();
	for (unsigned i = 0; i < processes.n; i++)
		result_merge(outcome->result, &shared->results[i]);
	outcome->seconds = seconds_of(options, outcome->result, stopped_ns);
	outcome->cpu_ns = cpu_ns;
	outcome->interrupted = processes.interrupted;
	outcome->process_died = processes.n_gone > 0;
}

bool
processes_run(const struct options *options, const struct target *target,
    struct outcome *outcome)
{
	*outcome = (struct outcome){ .cpu_ns = -1 };
	outcome->result = calloc(1, sizeof(*outcome->result));
	if (outcome->result == NULL || !make_shared(options) ||
	    !take_signals() || pipe2(processes.from, O_CLOEXEC) == -1 ||
	    pipe2(processes.go, O_CLOEXEC) == -1 ||
	    pipe2(processes.release, O_CLOEXEC) == -1 ||
	    !fork_all(options, target)) {
		options_complain("cannot begin: %s", strerror(errno));
		return false;
	}
	run(options, outcome);
	return true;
}

void
processes_let_go(const struct options *options)
{
	while (
	    options->hold && !processes.input_ended && !processes.interrupted)
		wait_until(INT64_MAX, true);
	close(processes.release[1]);
	for (unsigned i = 0; i < processes.n; i++) {
		/* Those that do not come to an end, or never began. */
		if (processes.pids[i] > 0 && processes.n_ended < processes.n)
			kill(processes.pids[i], SIGKILL);
		if (processes.pids[i] > 0)
			waitpid(processes.pids[i], NULL, 0);
	}
}
