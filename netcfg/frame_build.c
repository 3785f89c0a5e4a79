#include "frame_build.h"

#include "str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_VLAN 0x8100

/* ---- From its parts -------------------------------------------------------------------------- */

static uint8_t *put_be16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
	return p + 2;
}

/* RFC 1071. */
static uint16_t checksum(const uint8_t *p, unsigned len)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The two addresses, of one family, which is returned. */
static int parse_ip(const char *text, uint8_t src[16], uint8_t dst[16], struct err *err)
{
	char first[INET6_ADDRSTRLEN];
	const char *comma = strchr(text, ',');
	size_t len = comma ? (size_t)(comma - text) : 0;

	if (len && len < sizeof(first)) {
		memcpy(first, text, len);
		first[len] = '\0';
		if (inet_pton(AF_INET, first, src) == 1 && inet_pton(AF_INET, comma + 1, dst) == 1)
			return AF_INET;
		if (inet_pton(AF_INET6, first, src) == 1 &&
			inet_pton(AF_INET6, comma + 1, dst) == 1)
			return AF_INET6;
	}
	(void)err_set(err, -EINVAL, "option --ip: '%s' is not two addresses of one kind", text);
	err_hint(err, "for example --ip 10.0.0.1,10.0.0.2 or --ip fd00::1,fd00::2");
	return -EINVAL;
}

static uint8_t *put_ipv4(uint8_t *p, const struct frame_parts *parts, uint32_t len,
	const uint8_t *src, const uint8_t *dst)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	(void)put_be16(p + 2, len);
	p[8] = 64;
	p[9] = parts->protocol;
	memcpy(p + 12, src, 4);
	memcpy(p + 16, dst, 4);
	(void)put_be16(p + 10, checksum(p, 20));
	return p + 20;
}

static uint8_t *put_ipv6(uint8_t *p, const struct frame_parts *parts, uint32_t len,
	const uint8_t *src, const uint8_t *dst)
{
	memset(p, 0, 40);
	p[0] = 0x60;
	(void)put_be16(p + 4, len - 40);
	p[6] = parts->protocol;
	p[7] = 64;
	memcpy(p + 8, src, 16);
	memcpy(p + 24, dst, 16);
	return p + 40;
}

int frame_build(const struct frame_parts *parts, uint8_t *bytes, struct err *err)
{
	uint32_t l2 = ETHER_HDR_LEN + (parts->has_vlan ? 4 : 0), headers = l2, len = parts->len;
	uint8_t src[16], dst[16], *p = bytes;
	int family = 0;

	if (parts->ip) {
		family = parse_ip(parts->ip, src, dst, err);
		if (family < 0)
			return family;
		headers += family == AF_INET ? 20 : 40;
	}
	if (!len)
		len = headers < FRAME_BUILD_MIN ? FRAME_BUILD_MIN : headers;
	if (len < headers || len > FRAME_BUILD_MAX)
		return err_set(err, -EINVAL,
			"option --len: %u is not in %u..%u, as its headers are", len, headers,
			FRAME_BUILD_MAX);
	memset(bytes, 0, len);
	memcpy(p, parts->dst.bytes, 6);
	memcpy(p + 6, parts->src.bytes, 6);
	p += 12;
	if (parts->has_vlan)
		p = put_be16(put_be16(p, TYPE_VLAN), parts->tci);
	p = put_be16(p, family == AF_INET    ? TYPE_IPV4
			: family == AF_INET6 ? TYPE_IPV6
					     : parts->type);
	if (family == AF_INET)
		(void)put_ipv4(p, parts, parts->len ? len - l2 : 20, src, dst);
	else if (family == AF_INET6)
		(void)put_ipv6(p, parts, parts->len ? len - l2 : 40, src, dst);
	return (int)len;
}

/* ---- From digits ----------------------------------------------------------------------------- */

int frame_build_hex(const char *text, uint8_t *bytes, struct err *err)
{
	unsigned n = 0; /* digits */

	for (const char *p = text; *p; p++) {
		int digit = str_hex_digit(*p);

		if (*p == ':' || isspace((unsigned char)*p))
			continue;
		if (digit < 0) {
			(void)err_set(err, -EINVAL, "option --hex: '%c' is no hexadecimal digit",
				*p);
			err_hint(err, "two digits a byte, with blanks or colons between or not");
			return -EINVAL;
		}
		if (n == 2 * FRAME_BUILD_MAX)
			return err_set(err, -EINVAL, "option --hex: more than %d bytes",
				FRAME_BUILD_MAX);
		bytes[n / 2] = (uint8_t)((n % 2 ? bytes[n / 2] << 4 : 0) | digit);
		n++;
	}
	if (!n || n % 2) {
		(void)err_set(err, -EINVAL, "option --hex: %u digits are no bytes", n);
		err_hint(err, "each byte has two");
		return -EINVAL;
	}
	return (int)(n / 2);
}

/* ---- From a file ----------------------------------------------------------------------------- */

static int read_nth(pcap_t *pcap, const char *file, unsigned long nth, uint8_t *bytes,
	struct err *err)
{
	struct pcap_pkthdr *hdr = NULL;
	const uint8_t *data = NULL;
	unsigned long at = 0;
	int r = 1;

	if (pcap_datalink(pcap) != DLT_EN10MB)
		return err_set(err, -EINVAL, "capture file '%s' holds no frames of Ethernet", file);
	while (at < nth && (r = pcap_next_ex(pcap, &hdr, &data)) == 1)
		at++;
	if (r == PCAP_ERROR)
		return err_set(err, -EINVAL, "capture file '%s': %s", file, pcap_geterr(pcap));
	if (at < nth) {
		(void)err_set(err, -EINVAL, "capture file '%s' has no frame %lu", file, nth);
		err_hint(err, "it has %lu, counted from 1", at);
		return -EINVAL;
	}
	if (hdr->caplen != hdr->len || !hdr->caplen || hdr->caplen > FRAME_BUILD_MAX)
		return err_set(err, -EINVAL,
			"frame %lu of '%s' has %u bytes, %u of them captured; 1..%d, all captured, "
			"can be traced",
			nth, file, hdr->len, hdr->caplen, FRAME_BUILD_MAX);
	memcpy(bytes, data, hdr->caplen);
	return (int)hdr->caplen;
}

int frame_build_pcap(const char *word, uint8_t *bytes, struct err *err)
{
	const char *colon = strrchr(word, ':');
	char why[PCAP_ERRBUF_SIZE], *end = NULL, *file;
	unsigned long nth = 0;
	pcap_t *pcap;
	int r;

	if (colon && isdigit((unsigned char)colon[1]))
		nth = strtoul(colon + 1, &end, 10);
	if (!nth || *end || colon == word) {
		(void)err_set(err, -EINVAL, "option --pcap: '%s' is not FILE:N", word);
		err_hint(err, "for example --pcap lost.pcapng:3, the third frame of the file");
		return -EINVAL;
	}
	file = strndup(word, (size_t)(colon - word));
	if (!file)
		return err_set(err, -ENOMEM, "out of memory");
	pcap = pcap_open_offline(file, why);
	if (!pcap) {
		r = err_set(err, -EINVAL, "capture file '%s' cannot be read: %s", file, why);
	} else {
		r = read_nth(pcap, file, nth, bytes, err);
		pcap_close(pcap);
	}
	free(file);
	return r;
}
