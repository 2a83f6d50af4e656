/* SPDX-License-Identifier: ISC */
/*
 * A seccomp filter in classic BPF: load the architecture, load the number,
 * compare with each forbidden one. Short enough to be written by hand, and
 * independent of what a library thinks the set of system calls is.
 */
#include <sys/prctl.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>

#include "worker/syscall_filter.h"

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define OWN_ARCH AUDIT_ARCH_RISCV64
#endif

#define X32_BIT	 0x40000000u /* numbers of the x32 table, on x86-64 */
#define PREAMBLE 4	     /* instructions before the comparisons */

#define LOAD(field)                    \
	((struct sock_filter)BPF_STMT( \
	    BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field)))

bool
syscall_filter_install(const unsigned *numbers, size_t n, bool log_only)
{
#ifdef OWN_ARCH
	struct sock_filter program[PREAMBLE + SYSCALL_FILTER_MAX + 2];
	size_t at = 0;
	/* Behind the comparisons stand "allow" and "refuse"; a jump counts
	 * from the next instruction. */
	size_t refuse = PREAMBLE + n + 1;

	if (n > SYSCALL_FILTER_MAX) {
		errno = E2BIG;
		return false;
	}
	program[at++] = LOAD(arch);
	program[at] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 0, (uint8_t)(refuse - at - 1));
	at++;
	program[at++] = LOAD(nr);
	program[at] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | BPF_JGE | BPF_K, X32_BIT, (uint8_t)(refuse - at - 1), 0);
	at++;
	for (size_t i = 0; i < n; i++, at++)
		program[at] =
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			numbers[i], (uint8_t)(refuse - at - 1), 0);
	program[at++] =
	    (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    log_only ? SECCOMP_RET_LOG : SECCOMP_RET_ERRNO | EPERM);
	struct sock_fprog filter = { (unsigned short)at, program };
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
#else
	(void)numbers;
	(void)n;
	(void)log_only;
	errno = ENOSYS;
	return false;
#endif
}
