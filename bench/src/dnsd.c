/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS server for the loopback with as many domains as one likes, each with a host of its own:
 *
 *   dnsd ADDR:PORT
 *
 * dN.example has the MX mx.dN.example, and that the address 127.64+.x.y of N; xN.example the
 * same with 127.128+.x.y. Everything else does not exist. UDP only; answers are short. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PACKET_MAX = 512, NAME_MAX_HERE = 256, TYPE_A = 1, TYPE_MX = 15, TTL = 3600, HEAD = 12 };

struct question {
	char name[NAME_MAX_HERE];
	unsigned type;
	size_t end; /* of the question in the packet */
};

static void put16(unsigned char **at, unsigned value)
{
	*(*at)++ = (unsigned char)(value >> 8);
	*(*at)++ = (unsigned char)value;
}

static int question_read(const unsigned char *packet, size_t len, struct question *q)
{
	size_t at = HEAD, out = 0;
	while (at < len && packet[at]) {
		size_t size = packet[at++];
		if (size > 63 || at + size >= len || out + size + 1 >= sizeof q->name) return 0;
		memcpy(q->name + out, packet + at, size);
		out += size;
		q->name[out++] = '.';
		at += size;
	}
	if (at + 5 > len || out == 0) return 0;
	q->name[out - 1] = '\0';
	q->type = (unsigned)packet[at + 1] << 8 | packet[at + 2];
	q->end = at + 5;
	return 1;
}

/* The number of dN.example or xN.example; -1: another name. */
static long number_of(const char *name, char *kind)
{
	char *end;
	*kind = (char)(name[0] | 0x20);
	if (*kind != 'd' && *kind != 'x') return -1;
	long number = strtol(name + 1, &end, 10);
	return end > name + 1 && strcasecmp(end, ".example") == 0 && number >= 0 && number < 1 << 22
		       ? number : -1;
}

static size_t answer(unsigned char *packet, const struct question *q)
{
	int is_host = strncasecmp(q->name, "mx.", 3) == 0;
	char kind;
	long number = number_of(q->name + (is_host ? 3 : 0), &kind);
	int found = number >= 0 && q->type == (is_host ? TYPE_A : TYPE_MX);
	unsigned char *at = packet + q->end;
	packet[2] = 0x84; /* an answer, with authority */
	packet[3] = number >= 0 ? 0 : 3;
	memset(packet + 6, 0, 6);
	packet[7] = (unsigned char)found;
	if (!found) return (size_t)(at - packet);
	put16(&at, 0xc000 | HEAD);
	put16(&at, q->type);
	put16(&at, 1);
	put16(&at, 0);
	put16(&at, TTL);
	if (is_host) {
		put16(&at, 4);
		put16(&at, 127u << 8 | ((kind == 'd' ? 64u : 128u) + (unsigned)(number >> 16)));
		put16(&at, (unsigned)number & 0xffff);
	} else {
		put16(&at, 2 + 3 + 2);
		put16(&at, 10);
		memcpy(at, "\2mx", 3);
		at += 3;
		put16(&at, 0xc000 | HEAD);
	}
	return (size_t)(at - packet);
}

int main(int argc, char **argv)
{
	unsigned char packet[PACKET_MAX + 64];
	struct sockaddr_in at = { .sin_family = AF_INET }, from;
	const int room = 16 << 20;
	char *colon = argc == 2 ? strchr(argv[1], ':') : NULL;
	if (!colon) return 64;
	*colon = '\0';
	at.sin_port = htons((unsigned short)atoi(colon + 1));
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* Questions come in thousands at a time: one that were lost would cost its asker a second. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	if (inet_pton(AF_INET, argv[1], &at.sin_addr) != 1 || ntohl(at.sin_addr.s_addr) >> 24 != 127 ||
	    bind(fd, (struct sockaddr *)&at, sizeof at) != 0) {
		perror("dnsd");
		return 69;
	}
	for (;;) {
		socklen_t len = sizeof from;
		struct question q;
		ssize_t got = recvfrom(fd, packet, PACKET_MAX, 0, (struct sockaddr *)&from, &len);
		if (got < HEAD || !question_read(packet, (size_t)got, &q)) continue;
		(void)sendto(fd, packet, answer(packet, &q), 0, (struct sockaddr *)&from, len);
	}
}
