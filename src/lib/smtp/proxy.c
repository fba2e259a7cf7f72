/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/proxy.h"

#include <string.h>

/* -- Version 1: PROXY TCP4 CLIENT SERVER CLIENTPORT SERVERPORT CRLF ---------------------- */

static const struct str v1_begin = STR_INIT("PROXY ");

/* One word of the line; words are parted by one blank. A proxy that listens on [::] names
 * clients over IPv4 as ::ffff:192.0.2.1. */
static bool take_ip(struct str *line, bool v4, struct ip *out)
{
	struct str word = str_cut(line, ' ');
	return ip_parse(word, out) && (str_find(word, ':') < 0) == v4;
}

static bool take_port(struct str *line, uint16_t *out)
{
	uint64_t number;
	struct str word = str_cut(line, ' ');
	if (word.len > 5 || !str_to_u64(word, &number) || number > UINT16_MAX) return false;
	*out = (uint16_t)number;
	return true;
}

static bool line_read(struct str line, struct smtp_proxy *out)
{
	struct str family = str_cut(&line, ' ');
	if (str_eq(family, STR("UNKNOWN"))) {
		out->local = true; /* whatever stands behind it */
		return true;
	}
	bool v4 = str_eq(family, STR("TCP4"));
	if (!v4 && !str_eq(family, STR("TCP6"))) return false;
	if (!take_ip(&line, v4, &out->client) || !take_ip(&line, v4, &out->server) ||
	    !take_port(&line, &out->client_port))
		return false;
	struct str last = line;
	return take_port(&line, &out->server_port) && str_find(last, ' ') < 0 &&
	       !ip_is_none(out->client);
}

static enum smtp_proxy_result v1_parse(struct str in, struct smtp_proxy *out, size_t *used)
{
	struct str line = str_sub(in, 0, SMTP_PROXY_V1_MAX);
	ptrdiff_t lf = str_find(line, '\n');
	if (lf < 0) return in.len < SMTP_PROXY_V1_MAX ? SMTP_PROXY_MORE : SMTP_PROXY_BAD;
	if (lf < 1 || line.at[lf - 1] != '\r') return SMTP_PROXY_BAD;
	*used = (size_t)lf + 1;
	line = str_from(str_sub(line, 0, (size_t)lf - 1), v1_begin.len);
	return line_read(line, out) ? SMTP_PROXY_OK : SMTP_PROXY_BAD;
}

/* -- Version 2 --------------------------------------------------------------------------- */

static const struct str v2_begin = STR_INIT("\r\n\r\n\0\r\nQUIT\n");
enum { V2_FIXED = 16, V2_LOCAL = 0x20, V2_PROXY = 0x21 };

static uint16_t number_at(struct str s, size_t at)
{
	return (uint16_t)((unsigned)(unsigned char)s.at[at] << 8 | (unsigned char)s.at[at + 1]);
}

static struct ip v4_at(struct str s, size_t at)
{
	return ip_of_v4((uint32_t)number_at(s, at) << 16 | number_at(s, at + 2));
}

static struct ip v6_at(struct str s, size_t at)
{
	struct ip ip;
	memcpy(ip.octets, s.at + at, sizeof ip.octets);
	return ip;
}

/* Addresses of a stream over IPv4 or IPv6. A connection of another family has none that
 * rules could look at. */
static bool addresses_read(unsigned family, struct str body, struct smtp_proxy *out)
{
	enum { ANY = 0x00, TCP4 = 0x11, TCP6 = 0x21, UNIX_STREAM = 0x31 };
	switch (family) {
	case ANY:
	case UNIX_STREAM: out->local = true; return true;
	case TCP4:
		if (body.len < 12) return false;
		out->client = v4_at(body, 0);
		out->server = v4_at(body, 4);
		out->client_port = number_at(body, 8);
		out->server_port = number_at(body, 10);
		return true;
	case TCP6:
		if (body.len < 36) return false;
		out->client = v6_at(body, 0);
		out->server = v6_at(body, 16);
		out->client_port = number_at(body, 32);
		out->server_port = number_at(body, 34);
		return !ip_is_none(out->client);
	default: return false;
	}
}

static enum smtp_proxy_result v2_parse(struct str in, struct smtp_proxy *out, size_t *used)
{
	if (in.len < V2_FIXED) return SMTP_PROXY_MORE;
	unsigned command = (unsigned char)in.at[12], family = (unsigned char)in.at[13];
	size_t len = number_at(in, 14);
	if ((command != V2_LOCAL && command != V2_PROXY) || V2_FIXED + len > SMTP_PROXY_MAX)
		return SMTP_PROXY_BAD;
	if (in.len < V2_FIXED + len) return SMTP_PROXY_MORE;
	*used = V2_FIXED + len;
	out->local = command == V2_LOCAL;
	if (out->local) return SMTP_PROXY_OK;
	return addresses_read(family, str_sub(in, V2_FIXED, len), out) ? SMTP_PROXY_OK
								       : SMTP_PROXY_BAD;
}

/* -- Both -------------------------------------------------------------------------------- */

/* `in` and `begin` are alike as far as both go. */
static bool begins(struct str in, struct str begin)
{
	size_t len = in.len < begin.len ? in.len : begin.len;
	return str_eq(str_sub(in, 0, len), str_sub(begin, 0, len));
}

enum smtp_proxy_result smtp_proxy_parse(struct str in, struct smtp_proxy *out, size_t *used)
{
	*out = (struct smtp_proxy){ 0 };
	*used = 0;
	if (begins(in, v1_begin)) {
		return in.len < v1_begin.len ? SMTP_PROXY_MORE : v1_parse(in, out, used);
	}
	return begins(in, v2_begin) ? v2_parse(in, out, used) : SMTP_PROXY_BAD;
}
