DROP TABLE agent_links;
DROP TABLE agent_relays;
