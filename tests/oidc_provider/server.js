// A certified OpenID Connect provider with two accounts, for the tests of signing in.
//
//   node server.js PORT CALLBACK
//
// Prints "ready" once it listens. Passwords are the account's name backwards.
import http from 'node:http';
import Provider from 'oidc-provider';

const [port, callback] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const accounts = {
  omar: { email: 'omar.benali@acogida.example', email_verified: true },
  lucia: { email: 'lucia.ferrer@acogida.example', email_verified: false },
  stranger: { email: 'stranger@else.example', email_verified: true },
};

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'acogida', client_secret: 'acogida-secret', redirect_uris: [callback],
    grant_types: ['authorization_code'],
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: process.env.CLAIMS_AT_USERINFO === '1',
  features: { devInteractions: { enabled: false } },
  cookies: { keys: ['a key of the tests'] },
  findAccount: (ctx, id) => accounts[id]
    && { accountId: id, claims: () => ({ sub: id, name: id, ...accounts[id] }) },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  // The organisation's own provider asks nobody for consent.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  },
  ttl: { Session: 600, Interaction: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
  renderError: (ctx, out) => { ctx.type = 'json'; ctx.body = out; },
});

const answer = provider.callback();
const server = http.createServer(async (request, response) => {
  if (!request.url.startsWith('/interaction/')) {
    answer(request, response);
    return;
  }
  if (request.method === 'GET') {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end('<form method="post"><input name="login"><input name="password"></form>');
    return;
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  const form = new URLSearchParams(body);
  const login = form.get('login') ?? '';
  const right = accounts[login] && form.get('password') === [...login].reverse().join('');
  await provider.interactionFinished(request, response, right
    ? { login: { accountId: login, amr: form.get('code') ? ['pwd', 'otp', 'mfa'] : ['pwd'] } }
    : { error: 'access_denied', error_description: 'wrong name or password' });
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
