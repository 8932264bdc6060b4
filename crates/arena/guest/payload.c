// SPDX-License-Identifier: Apache-2.0
/*
 * The payload: makes /tmp/ran and ends. Without a C library, so that it runs on whatever system; as a library it does
 * so when it is loaded. Numbers: arch/{mips,arm}/include/uapi/asm/unistd.h, asm-generic/unistd.h, syscall_64.tbl.
 */
#include <linux/fcntl.h>

#if defined(__mips__)
#define OPENAT 4288
#define EXIT 4001
static long call(long number, long one, long two, long three, long four)
{
	register long v0 __asm__("$2") = number, a0 __asm__("$4") = one, a1 __asm__("$5") = two;
	register long a2 __asm__("$6") = three, a3 __asm__("$7") = four;

	__asm__ volatile("syscall" : "+r"(v0), "+r"(a3) : "r"(a0), "r"(a1), "r"(a2)
			 : "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "memory");
	return v0;
}
#elif defined(__arm__)
#define OPENAT 322
#define EXIT 1
static long call(long number, long one, long two, long three, long four)
{
	register long r7 __asm__("r7") = number, r0 __asm__("r0") = one, r1 __asm__("r1") = two;
	register long r2 __asm__("r2") = three, r3 __asm__("r3") = four;

	__asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3) : "memory");
	return r0;
}
#elif defined(__aarch64__)
#define OPENAT 56
#define EXIT 93
static long call(long number, long one, long two, long three, long four)
{
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = one, x1 __asm__("x1") = two;
	register long x2 __asm__("x2") = three, x3 __asm__("x3") = four;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}
#else
#define OPENAT 257
#define EXIT 60
static long call(long number, long one, long two, long three, long four)
{
	register long r10 __asm__("r10") = four;

	__asm__ volatile("syscall" : "+a"(number) : "D"(one), "S"(two), "d"(three), "r"(r10) : "rcx", "r11", "memory");
	return number;
}
#endif

void ran(void)
{
	call(OPENAT, AT_FDCWD, (long)"/tmp/ran", O_WRONLY | O_CREAT, 0644);
}

void __start(void);
void __start(void)
{
	ran();
	call(EXIT, 0, 0, 0, 0);
}

void _start(void) __attribute__((alias("__start")));
