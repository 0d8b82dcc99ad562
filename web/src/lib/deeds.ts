import type { IconName } from '../components/parts/Icon.svelte';
import { guildPath } from '../router.svelte';
import type { Guild } from './api/types';
import { i18n, LOCALES, type Locale } from './i18n/i18n.svelte';
import { ruling } from './ruling.svelte';
import * as actions from './state/actions';
import { client } from './state/client.svelte';
import { guilds } from './state/guilds.svelte';
import { preferences } from './state/preferences.svelte';
import { presence } from './state/presence.svelte';
import { session } from './state/session.svelte';

/** What opens over the page. */
export type Opened = 'invite' | 'channel' | 'conversation';

/** Something that can be done, or a page that is no room. */
export interface Deed {
  name: string;
  icon: IconName;
  /** What it is found by as well: the words of the other language, and those that people know from elsewhere. */
  also?: string;
  leads: { to: string } | { opens: Opened } | { does: () => Promise<unknown> };
}

const page = (name: string, icon: IconName, to: string, also = ''): Deed => ({ name, icon, also, leads: { to } });
const opening = (name: string, icon: IconName, opens: Opened, also: string): Deed => ({ name, icon, also, leads: { opens } });
const doing = (name: string, icon: IconName, does: () => Promise<unknown>, also = ''): Deed => ({ name, icon, also, leads: { does } });

/** What one may do in a guild. */
function inGuild(guild: Guild): Deed[] {
  const { t } = i18n;
  const r = ruling.t;
  const may = (...permissions: Parameters<typeof guilds.may>[1][]) => permissions.some((permission) => guilds.may(guild.id, permission));
  const part = (id: string, label: string, icon: IconName, also: string) => page(`${label} · ${guild.name}`, icon, `${guildPath(guild.id)}/settings/${id}`, also);
  const deeds: [boolean, Deed][] = [
    [may('invite'), opening(`${t.invitePeople} · ${guild.name}`, 'invite', 'invite', 'invite people add 초대 링크')],
    [may('manage_channels'), opening(`${t.newChannel} · ${guild.name}`, 'plus', 'channel', 'new create channel 새 채널 만들기')],
    [true, page(t.settingsOf(guild.name), 'settings', `${guildPath(guild.id)}/settings/overview`, 'settings 설정')],
    [true, part('roles', r.guildRoles, 'shield', 'roles permissions 역할 권한')],
    [true, part('members', t.guildMembers, 'people', 'members people 멤버 사람')],
    [may('invite', 'manage_invites'), part('invites', r.invites, 'link', 'invites 초대')],
    [may('ban'), part('bans', r.guildBans, 'block', 'bans blocked 차단')],
    [may('view_audit'), part('audit', r.audit, 'inbox', 'audit log history 감사 기록')],
    [true, doing(`${t.markAllRead} · ${guild.name}`, 'check', () => actions.markAllRead(guild.id), 'mark read 읽음')],
  ];
  return deeds.filter(([is]) => is).map(([, deed]) => deed);
}

/** What one may do wherever one is. */
function anywhere(): Deed[] {
  const { t } = i18n;
  const r = ruling.t;
  const statuses = (['online', 'idle', 'do_not_disturb', 'invisible'] as const).map((status) =>
    doing(
      `${t.status}: ${t.statuses[status]}`,
      'people',
      async () => {
        await client.ask('set_status', { status });
        presence.ask(client.me.id);
      },
      `status ${status.replaceAll('_', ' ')} 상태`,
    ),
  );
  const themes = ([['light', t.themeLight], ['dark', t.themeDark], ['system', t.themeSystem]] as const).map(([theme, name]) =>
    doing(`${t.theme}: ${name}`, 'eye', async () => { preferences.chooseTheme(theme); }, `theme ${theme} 테마`),
  );
  const languages = LOCALES.filter(({ locale }) => locale !== i18n.locale).map(({ locale, name }: { locale: Locale; name: string }) =>
    doing(`${t.language}: ${name}`, 'globe', () => i18n.choose(locale), `language 언어 ${name}`),
  );
  return [
    opening(t.newConversation, 'plus', 'conversation', 'new message direct group dm 새 메시지'),
    page(t.browseGuilds, 'globe', '/guilds', 'public guilds 공개 길드'),
    page(t.inbox, 'inbox', '/inbox', 'inbox mentions 받은 알림'),
    page(t.threads, 'thread', '/inbox/threads', 'threads 스레드'),
    page(t.settings, 'settings', '/settings/profile', 'settings profile 설정 프로필'),
    page(r.settingsLook, 'eye', '/settings/look', 'look theme density language 화면'),
    page(t.settingsNotifications, 'settings', '/settings/notifications', 'notifications sound 알림'),
    page(t.settingsAccount, 'settings', '/settings/account', 'account password 계정 비밀번호'),
    page(r.settingsTokens, 'settings', '/settings/tokens', 'tokens api 토큰'),
    ...(session.owner ? [page(r.administration, 'shield', '/administration', 'administration server 관리')] : []),
    ...statuses,
    ...themes,
    ...languages,
  ];
}

/** Everything that one may do from where one is. */
export const deedsIn = (guild: Guild | undefined): Deed[] => [...(guild === undefined ? [] : inGuild(guild)), ...anywhere()];
