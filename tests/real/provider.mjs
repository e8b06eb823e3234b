// oidc-provider as an operator would run it: node provider.mjs ISSUER HUB
import Provider from 'oidc-provider';

const [issuer, hub] = process.argv.slice(2);
const groups = {ann: ['staff', 'data-stewards'], bob: ['staff']};
const provider = new Provider(issuer, {
  clients: [
    {client_id: 'hub', client_secret: process.env.HUB_OIDC_SECRET, redirect_uris: [`${hub}/auth/callback`]},
    {client_id: 'svc', client_secret: 'a secret of the service alone', grant_types: ['client_credentials'], redirect_uris: [], response_types: []},
  ],
  pkce: {required: () => true},
  claims: {openid: ['sub'], email: ['email'], profile: ['name'], groups: ['groups']},
  scopes: ['openid', 'email', 'profile', 'groups', 'hub.read'],
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
    claims: async () => ({sub: id, name: `${id} of the staff`, email: `${id}@example.com`, groups: groups[id] ?? []}),
  }),
  cookies: {keys: ['of these tests']},
});
provider.listen(Number(new URL(issuer).port), '127.0.0.1');
