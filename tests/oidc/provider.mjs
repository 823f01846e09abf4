// A real OpenID Connect provider (npm oidc-provider) on a free loopback port, for the tests of sign-in.
//   node provider.mjs MODULES REDIRECT_URI
// MODULES is a folder `node_modules` that holds oidc-provider. Prints its issuer, then serves until killed. Whoever comes
// with the cookie `account=NAME` is signed in as NAME at once and consents; a name that holds a role is in that group.
import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, redirect] = process.argv.slice(2);
const entry = path.join(modules, 'oidc-provider', 'lib', 'index.js');
const { default: Provider } = await import(pathToFileURL(entry).href);

const groups = (name) => ['clinician', 'administrator'].filter((role) => name.includes(role)).concat('staff');

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'regimen', client_secret: 'a secret of the test', redirect_uris: [redirect] }],
    pkce: { required: () => true },
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: `${id} Example`, preferred_username: id.split('-')[0], groups: groups(id) }),
    }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    cookies: { keys: ['a key of the test'] },
  });
  const handle = provider.callback();
  server.on('request', async (request, response) => {
    if (!request.url.startsWith('/interaction/')) return handle(request, response);
    try {
      const { prompt, params, session } = await provider.interactionDetails(request, response);
      if (prompt.name === 'login') {
        const account = /account=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
        if (!account) {
          const result = { error: 'access_denied' };
          return await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
        }
        const result = { login: { accountId: account } };
        return await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
      }
      const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
      grant.addOIDCScope(params.scope);
      const result = { consent: { grantId: await grant.save() } };
      return await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
    } catch (error) {
      response.statusCode = 500;
      return response.end(String(error));
    }
  });
  console.log(issuer);
});
