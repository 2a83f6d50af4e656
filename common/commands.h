/* SPDX-License-Identifier: ISC */
#ifndef COMMON_COMMANDS_H
#define COMMON_COMMANDS_H

/*
 * The commands of the control socket, one row each: name, arguments, right
 * needed (READ: whoever may connect; CONTROL: root and the daemon's own user),
 * help. The supervisor adds command_NAME() to each row, preforkctl prints its
 * help from here, the man page and the completions are tested against it.
 */
#define CONTROL_COMMANDS(X)                                                    \
	X(help, "[COMMAND]", READ, "tell the commands, or about one")          \
	X(ping, "", READ, "answer pong")                                       \
	X(version, "", READ, "tell the version of the running daemon")         \
	X(status, "", READ, "tell the state of daemon and pools")              \
	X(health, "", READ, "succeed if every pool is ready and not draining") \
	X(stats, "[text|json|prometheus]", READ, "tell the counters")          \
	X(listeners, "", READ, "list the sockets with their queues")           \
	X(workers, "[POOL [N|+N|-N]]", READ,                                   \
	    "list the workers, or set their number")                           \
	X(connections, "[SERVICE]", READ, "list the connections")              \
	X(config, "", READ, "print the configuration in force")                \
	X(events, "", READ, "print what happens until interrupted")            \
	X(reload, "[plan]", CONTROL,                                           \
	    "take up the changed file, or tell what that would change")        \
	X(restart, "[POOL|POOL/N [now]]", CONTROL,                             \
	    "replace workers, or one, by new ones, gently or at once")         \
	X(drain, "", CONTROL, "report not ready, and go on serving")           \
	X(resume, "", CONTROL, "report ready again")                           \
	X(close, "ID", CONTROL, "close the connection with that ID")           \
	X(log, "reopen|debug|info|warn|error", CONTROL,                        \
	    "open the log files anew, or set the level")                       \
	X(stop, "[now]", CONTROL, "stop the daemon, gently or at once")

enum command_right { RIGHT_READ = 0, RIGHT_CONTROL };

#define CONTROL_DEFAULT_PATH "/run/preforkd/control.sock"
#define CONTROL_LINE_MAX     4096 /* bytes of a request, with its newline */

/* Error codes of `ERROR code text`. */
#define CONTROL_ERRORS(X)                                                     \
	X(UNKNOWN, "unknown")	    /* no such command */                     \
	X(ARGUMENT, "argument")	    /* a word that the command cannot take */ \
	X(PERMISSION, "permission") /* not for this user */                   \
	X(BUSY, "busy")		    /* try again */                           \
	X(FAILED, "failed")	    /* it was tried, or is not so */          \
	X(CONFIG, "config")	    /* errors in the configuration follow */  \
	X(RESTART, "restart")	    /* valid, but needs a restart */

enum control_error {
#define CODE(name, text) CONTROL_##name,
	CONTROL_ERRORS(CODE)
#undef CODE
};

#endif
