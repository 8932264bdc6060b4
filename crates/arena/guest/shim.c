// SPDX-License-Identifier: Apache-2.0
/*
 * Stands for hardware that is not there, in programs of the image (LD_PRELOAD): settings that vendors keep in flash, and
 * requests to their own drivers. Without a C library of its own; what it needs it takes from the image's.
 *
 * Settings are files beneath /tmp/.nvram, so that they live as long as the device is on. What was never set is empty.
 * Requests that only a vendor's driver knows are answered with success and nothing.
 */
#include <linux/fcntl.h>

#if defined(__mips__)
#define OPEN 4005
#define IOCTL 4054
static long call(long number, long one, long two, long three)
{
	register long v0 __asm__("$2") = number, a0 __asm__("$4") = one, a1 __asm__("$5") = two;
	register long a2 __asm__("$6") = three, a3 __asm__("$7");

	__asm__ volatile("syscall" : "+r"(v0), "=r"(a3) : "r"(a0), "r"(a1), "r"(a2)
			 : "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "memory");
	return a3 ? -v0 : v0;
}
#elif defined(__arm__)
#define IOCTL 54
static long call(long number, long one, long two, long three)
{
	register long r7 __asm__("r7") = number, r0 __asm__("r0") = one, r1 __asm__("r1") = two;
	register long r2 __asm__("r2") = three;

	__asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
	return r0;
}
#elif defined(__aarch64__)
#define IOCTL 29
static long call(long number, long one, long two, long three)
{
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = one, x1 __asm__("x1") = two;
	register long x2 __asm__("x2") = three;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}
#else
#define IOCTL 16
static long call(long number, long one, long two, long three)
{
	__asm__ volatile("syscall" : "+a"(number) : "D"(one), "S"(two), "d"(three) : "rcx", "r11", "memory");
	return number;
}
#endif

extern int *__errno_location(void) __attribute__((weak));
extern void *malloc(unsigned long size);
extern int open(const char *path, int flags, ...);
extern long read(int file, void *into, unsigned long room);
extern long write(int file, const void *from, unsigned long length);
extern int close(int file);
extern int mkdir(const char *path, unsigned int mode);
extern int unlink(const char *path);

/* SIOCDEVPRIVATE to +15 (linux/sockios.h); SIOCIWFIRSTPRIV to SIOCIWLASTPRIV (linux/wireless.h). */
static int is_private(unsigned long request)
{
	return (request >= 0x89f0 && request <= 0x89ff) || (request >= 0x8be0 && request <= 0x8bff);
}

int ioctl(int file, unsigned long request, void *argument);
int ioctl(int file, unsigned long request, void *argument)
{
	long result = call(IOCTL, file, request, (long)argument);

	if (result >= 0 || result < -4095)
		return result;
	if (is_private(request))
		return 0;
	if (__errno_location)
		*__errno_location() = -result;
	return -1;
}

/* ---- settings ------------------------------------------------------------------------------------------------- */

#define ROOM 2048

static int place_of(const char *name, char *path)
{
	static const char folder[] = "/tmp/.nvram/";
	int at = 0, from;

	if (!name || !*name)
		return -1;
	for (from = 0; folder[from]; from++)
		path[at++] = folder[from];
	for (from = 0; name[from] && at < 200; from++)
		path[at++] = name[from] == '/' ? '_' : name[from];
	path[at] = 0;
	return 0;
}

static long fetch(const char *name, char *value, long room)
{
	char path[256];
	long length;
	int file;

	value[0] = 0;
	if (place_of(name, path))
		return -1;
	file = open(path, O_RDONLY);
	if (file < 0)
		return -1;
	length = read(file, value, room - 1);
	close(file);
	value[length > 0 ? length : 0] = 0;
	return length;
}

static int keep(const char *name, const char *value)
{
	unsigned long length = 0;
	char path[256];
	int file;

	if (place_of(name, path))
		return -1;
	mkdir("/tmp/.nvram", 0700);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (file < 0)
		return -1;
	while (value && value[length])
		length++;
	if (length)
		write(file, value, length);
	return close(file);
}

static char *value_of(const char *name)
{
	char *value = malloc(ROOM);

	if (value)
		fetch(name, value, ROOM);
	return value;
}

char *nvram_get(const char *name) { return value_of(name); }
char *nvram_safe_get(const char *name) { return value_of(name); }
char *acosNvramConfig_get(const char *name) { return value_of(name); }
char *nvram_bufget(int bank, const char *name) { (void)bank; return value_of(name); }
int nvram_set(const char *name, const char *value) { return keep(name, value); }
int acosNvramConfig_set(const char *name, const char *value) { return keep(name, value); }
int nvram_bufset(int bank, const char *name, const char *value) { (void)bank; return keep(name, value); }
int nvram_init(int bank) { (void)bank; return 0; }
int nvram_close(int bank) { (void)bank; return 0; }
int nvram_commit(int bank) { (void)bank; return 0; }
int nvram_clear(int bank) { (void)bank; return 0; }

int nvram_unset(const char *name)
{
	char path[256];

	return place_of(name, path) ? -1 : unlink(path);
}

static int equal(const char *one, const char *other)
{
	while (*one && *one == *other)
		one++, other++;
	return *one == *other;
}

int nvram_match(const char *name, const char *value)
{
	char known[ROOM];

	fetch(name, known, ROOM);
	return value && equal(known, value);
}

int nvram_invmatch(const char *name, const char *value)
{
	return !nvram_match(name, value);
}
