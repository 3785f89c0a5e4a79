/**
 * cmdline: what the guest is to do, from key=value words of the kernel command line.
 *
 * Pure; also compiled for the host, where it is tested.
 */
#ifndef WEFT_TOOLS_NFGUEST_CMDLINE_H
#define WEFT_TOOLS_NFGUEST_CMDLINE_H

#include <stdbool.h>
#include <stdint.h>

enum mode { MODE_IDLE, MODE_GEN, MODE_SINK, MODE_REFLECT, MODE_FWD, MODE_L3, MODE_ECHO };

struct cmdline {
	enum mode mode;
	uint64_t rate;    /* frames a second; 0: as many as go */
	uint32_t size;    /* with FCS */
	uint64_t count;   /* frames; 0: no end */
	uint64_t seconds; /* 0: no end */
	uint64_t report;  /* seconds between lines; 0: none */
	uint64_t slow;    /* frames a second received; 0: all */
	uint64_t noisy;   /* bytes of memory touched for each frame */
	uint64_t tsc_hz;  /* 0: measured when needed */
	uint32_t queues;  /* pairs */
	uint16_t stream, vlan;
	bool split;  /* not packed rings, even if they are offered */
	bool packed; /* wait for the device to offer them: its back-end may not be there yet */
	bool mac;    /* write own addresses when forwarding */
	bool has_src;
	bool ready;    /* say so once the devices run */
	bool announce; /* send one frame from each device at the start */
	uint8_t dst[6], src[6];
	uint8_t next_hop[2][6];
	uint32_t ip; /* host order */
};

/** The word that was not understood, or NULL; it ends at a space or the end of text. */
const char *cmdline_parse(const char *text, struct cmdline *ret_cmdline);
const char *cmdline_mode_name(enum mode mode);

#endif
