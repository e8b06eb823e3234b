// oidc-provider as an operator would run it: node provider.mjs ISSUER HUB
import Provider from 'oidc-provider';

const [issuer, hub] = process.argv.slice(2);
const customers = {
  eva: {email: 'eva@weber.de', email_verified: true},
  max: {email: 'eva@weber.de', email_verified: false},
  uli: {email: 'nobody@example.com', email_verified: true, customer_no: '1'},
};
const groups = {ann: ['staff', 'data-stewards'], bob: ['staff']};
const provider = new Provider(issuer, {
  clients: [
    {client_id: 'hub', client_secret: process.env.HUB_OIDC_SECRET, redirect_uris: [`${hub}/auth/callback`]},
    {client_id: 'portal', client_secret: process.env.HUB_OIDC_SECRET, redirect_uris: [`${hub}/me/callback`]},
    {client_id: 'svc', client_secret: 'a secret of the service alone', grant_types: ['client_credentials'], redirect_uris: [], response_types: []},
  ],
  pkce: {required: () => true},
  claims: {openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'], customer: ['customer_no']},
  scopes: ['openid', 'email', 'profile', 'groups', 'customer', 'hub.read'],
  features: {
    devInteractions: {enabled: true},
    clientCredentials: {enabled: true},
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx) => ctx.oidc?.client?.clientId === 'svc' ? 'urn:hub' : undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({scope: 'hub.read', audience: 'urn:hub', accessTokenFormat: 'jwt'}),
    },
  },
  findAccount: async (_, id) => ({
    accountId: id,
    claims: async () => ({sub: id, name: `${id} of the staff`, email: `${id}@example.com`, groups: groups[id] ?? [], ...customers[id]}),
  }),
  cookies: {keys: ['of these tests']},
});
provider.listen(Number(new URL(issuer).port), '127.0.0.1');
