#include "foreign.h"

#include <stddef.h>
#include <string.h>

const struct foreign_word foreign_commands[] = {
	{"list ls ps",
		"`netcfg status` shows labs, `netcfg port show` ports, `netcfg node show` nodes"},
	{"create deploy run define",
		"`netcfg apply FILE` starts a lab, `netcfg bridge add NAME` makes a bridge"},
	{"delete del rm remove undefine",
		"`netcfg destroy LAB` ends a lab, `netcfg bridge del NAME` removes a bridge"},
	{"start boot", "`netcfg node start NAME` starts a node, `netcfg apply FILE` a lab"},
	{"stop shutdown poweroff",
		"`netcfg node stop NAME` stops a node, `netcfg destroy LAB` a lab"},
	{"restart reboot reset", "`netcfg node restart NAME` resets a node"},
	{"log logs", "`netcfg console NAME --log` prints what a node said"},
	{"ssh attach connect shell", "`netcfg console NAME` attaches to a node, `netcfg exec NAME "
				     "-- COMMAND` runs a command in it"},
	{"events watch", "`netcfg monitor` prints events, `netcfg port watch` those of ports"},
	{"vm vms domain host", "virtual machines are nodes: `netcfg node show`"},
	{"switch sw", "bridges are the switch's: `netcfg bridge show`"},
	{"interface iface if tap veth",
		"`netcfg port show` shows ports, `netcfg nic show` the host's interfaces"},
	{"mac macs fib neigh", "`netcfg fdb show BRIDGE` shows the addresses that a bridge knows"},
	{"add-br addbr", "`netcfg bridge add NAME`"},
	{"del-br delbr", "`netcfg bridge del NAME`"},
	{"list-br", "`netcfg bridge show`"},
	{"add-port addif", "`netcfg port add NAME bridge BRIDGE type tap`"},
	{"del-port delif", "`netcfg port del NAME`"},
	{"list-ports list-ifaces", "`netcfg port show`"},
	{"graph topology", "`netcfg status` shows how a lab is cabled"},
	{NULL, NULL},
};

const struct foreign_word foreign_verbs[] = {
	{"list ls get", "show"},
	{"create new define", "add"},
	{"delete rm remove destroy undefine", "del"},
	{"change modify edit config configure", "set"},
	{"monitor events", "watch"},
	{"enable", "up"},
	{"disable", "down"},
	{"statistics counters", "stats"},
	{"boot", "start"},
	{"shutdown poweroff", "stop"},
	{"reboot reset", "restart"},
	{"suspend", "pause"},
	{"clear", "flush"},
	{NULL, NULL},
};

const struct foreign_word foreign_fields[] = {
	{"master on", "`netcfg port set NAME bridge BRIDGE` puts a port on a bridge"},
	{"access untagged", "`netcfg port set NAME vlan-mode access tag 10` makes an access port"},
	{"vlan vid pvid", "`netcfg port set NAME vlan-mode access tag 10` makes an access port, "
			  "`trunks 10,20` a trunk"},
	{"trunk allowed tagged",
		"`netcfg port set NAME vlan-mode trunk trunks 10,20` makes a trunk"},
	{NULL, NULL},
};

const char *foreign_find(const struct foreign_word *table, const char *word)
{
	size_t len = strlen(word);

	for (; table->words; table++) {
		for (const char *at = table->words; at; at = strchr(at, ' ')) {
			at += *at == ' ';
			if (!strncmp(at, word, len) && (at[len] == ' ' || !at[len]))
				return table->ours;
		}
	}
	return NULL;
}
