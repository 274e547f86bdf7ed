// Prints what node:dns gives for each argument TYPE:NAME, a line for each: dns.lookup for
// addresses, which goes by the search path, and c-ares for the others.
const dns = require('node:dns').promises;

const ask = {
  A: async (name) => (await dns.lookup(name, {all: true, family: 4})).map((each) => each.address),
  AAAA: async (name) => (await dns.lookup(name, {all: true, family: 6})).map((each) => each.address),
  SRV: async (name) => (await dns.resolveSrv(name)).map((each) => each.name),
  PTR: (address) => dns.reverse(address),
};

(async () => {
  for (const each of process.argv.slice(2)) {
    const [type, name] = each.split(':');
    const answer = await ask[type](name).catch((failure) => type === 'AAAA' ? [] : [failure.code]);
    console.log([each, ...answer].join(' '));
  }
})();
