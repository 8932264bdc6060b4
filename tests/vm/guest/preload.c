// SPDX-License-Identifier: Apache-2.0
/* A library, and a program for the dynamic loader, that only say that they ran. */
#include <fcntl.h>
#include <unistd.h>

__attribute__((constructor)) static void ran(void)
{
	close(open("/tmp/ran", O_WRONLY | O_CREAT, 0644));
}

int main(void)
{
	return 0;
}
