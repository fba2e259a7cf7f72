/* SPDX-License-Identifier: Apache-2.0 */
/* The least syslog daemon: datagrams of a socket go to a file.  logd SOCKET FILE */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char line[8192];
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (argc != 3 || snprintf(a.sun_path, sizeof a.sun_path, "%s", argv[1]) >= (int)sizeof a.sun_path) {
		fprintf(stderr, "usage: logd SOCKET FILE\n");
		return 64;
	}
	(void)unlink(a.sun_path);
	int in = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int out = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (in < 0 || out < 0 || bind(in, (struct sockaddr *)&a, sizeof a) != 0) {
		perror("logd");
		return 69;
	}
	(void)chmod(a.sun_path, 0666);
	for (ssize_t got; (got = recv(in, line, sizeof line - 1, 0)) >= 0;) {
		line[got] = '\n';
		if (write(out, line, (size_t)got + 1) < 0) break;
	}
	return 74;
}
