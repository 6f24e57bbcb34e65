"""A database with as many clients as an organisation may have in its wildest dreams.

Made inside Postgres by a handful of statements. The triggers that keep the search rest meanwhile;
`app_private.index_clients`, which they call, does their work at the end.
"""

import os
import time
from pathlib import Path

import psycopg

#: Three people bear it.
RARE_NAME = "Goikoetxeandia"
#: One in twelve bears it.
COMMON_NAME = "García"
#: One in two hundred has it.
RARE_STATUS = "inactive"

FIRST_NAMES = (
    "María José Fatima Mohamed Ana Luis Aissata Mamadou Carlos Yulimar Keyla Ahmad Oksana Rosa "
    "Thiago Wei Blessing Hamza Édgar Luz Ndeye Bilal Sofía Iván Amina Youssef Lucía Andrés Carmen "
    "Jorge Valentina Omar Daniela Ibrahim Patricia Khadija Diego Svitlana Camila Abdoulaye Paola "
    "Samira Kevin Mariana Said Gabriela Víctor Nadia Jhon Leïla"
)
SURNAMES = (
    "Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Díaz Ramírez Torres Flores "
    "Vargas Rojas Diallo Traoré Benali Haddad Ortiz Castillo Moreno Quispe Mamani Chávez Silva "
    "Santos Kovalenko Shevchenko Chen Wang Singh Khan Ndiaye Sow Touré Okafor Adeyemi Bensaïd "
    "Alaoui Cherkaoui Zapata Cárdenas Guzmán Mejía Paredes Salazar Aguilar Núñez Peña Ibáñez"
)

CLIENTS = """
insert into clients (name, profile_name, username, email, passport_or_nie, language, profile_type,
  profile_confidence, profile_source, status, created_at, updated_at, last_message_at,
  last_message_direction, last_message_type, last_message_preview, last_inbound_at, unread_count)
select
  case when n <= 3 then 'Miren ' || %(rare)s
    when known then concat_ws(' ', first, case when r1 < 0.2 then second end, sur1, sur2) end,
  case when r2 < 0.97 then case when r2 < 0.6 then first else concat_ws(' ', first, sur1) end end,
  case when r3 < 0.05 then lower(first) || n end,
  case when r4 < 0.25 then 'persona' || n || '@example.org' end,
  case when r5 < 0.3 then chr((88 + n %% 3)::int) || lpad((n * 37 %% 10000000)::text, 7, '0') || 'L'
  end,
  'es',
  case when r6 < 0.45 then 'OTHER' when r6 < 0.7 then 'ARRAIGO' when r6 < 0.85 then 'ASYLUM'
    when r6 < 0.95 then 'IRREGULAR' else 'STUDENT' end,
  case when r6 >= 0.45 then round(r1::numeric, 2) end,
  case when r6 >= 0.45 then 'classifier' end,
  case when r7 < 0.005 then %(rare_status)s when r7 < 0.1 then 'archived' else 'active' end,
  created, created, latest, case when r1 < 0.6 then 'inbound' else 'outbound' end, 'text',
  'Buenos días, quería saber si ya tienen mi cita para el día ' || n %% 28, latest,
  (r3 * 3)::int
from (
  select *, now() - interval '900 days' * r8 as created, r9 < 0.7 as known,
    case when r10 < 0.97 then now() - interval '900 days' * r8 * r10 end as latest
  from (
    select n, random() r1, random() r2, random() r3, random() r4, random() r5, random() r6,
      random() r7, random() r8, random() r9, random() r10,
      (%(first)s::text[])[1 + floor(power(random(), 1.5) * %(firsts)s)::int] as first,
      (%(first)s::text[])[1 + floor(random() * %(firsts)s)::int] as second,
      case when random() < 0.045 then %(common)s
        else (%(sur)s::text[])[1 + floor(power(random(), 1.5) * %(surs)s)::int] end as sur1,
      case when random() < 0.045 then %(common)s
        else (%(sur)s::text[])[1 + floor(power(random(), 1.5) * %(surs)s)::int] end as sur2
    from generate_series(1, %(count)s::bigint) n
  ) dice
) person
"""

#: A number each, most of them Spanish; as WhatsApp's digits, as a phone, and a bsuid for some.
IDENTITIES = """
with numbered as (
  select id, created_at, row_number() over () as n from clients
), people as (
  select id, created_at, n, case n % 10 when 7 then '2126' when 8 then '5731' when 9 then '2217'
    else '346' end || lpad((n * 7919 % 100000000)::text, 8, '0') as digits
  from numbered
)
insert into client_identities (client_id, kind, value, first_seen_at)
select id, kind, value, created_at from people cross join lateral (values
  ('wa_id', digits), ('phone', '+' || digits),
  ('bsuid', case when n % 5 < 3 then 'ES.' || lpad(n::text, 16, '0') end)) as names (kind, value)
where value is not null
"""


def kept(folder: Path) -> Path:
    """Where databases are kept for the next run: BENCH_DATA_DIR, or a folder that goes."""
    path = Path(os.environ.get("BENCH_DATA_DIR") or folder)
    path.mkdir(parents=True, exist_ok=True)
    return path


def rows_of(connection: psycopg.Connection, table: str) -> int:
    """How many are there."""
    row = connection.execute(f"select count(*) from {table}".encode()).fetchone()  # noqa: S608
    assert row is not None
    return int(row[0])


def populate(url: str, count: int) -> None:
    """Fill a migrated database with `count` clients, unless they are there. `url` is the owner's.

    Raises RuntimeError if it holds others.
    """
    start = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        if (there := rows_of(connection, "clients")) == count:
            return
        if there:
            raise RuntimeError(f"BENCH_DATA_DIR holds {there:,} clients, not {count:,}")
        connection.execute("set maintenance_work_mem = '1GB'")
        connection.execute("set work_mem = '256MB'")
        connection.execute("select setseed(0.42)")
        with connection.transaction():
            # Only for this transaction: triggers rest.
            connection.execute("set local session_replication_role = replica")
            connection.execute(
                CLIENTS,
                {
                    "count": count,
                    "rare": RARE_NAME,
                    "common": COMMON_NAME,
                    "rare_status": RARE_STATUS,
                    "first": FIRST_NAMES.split(),
                    "firsts": len(FIRST_NAMES.split()),
                    "sur": SURNAMES.split(),
                    "surs": len(SURNAMES.split()),
                },
            )
            connection.execute(IDENTITIES)
        connection.execute("analyze")
        _index(connection)
        # What autovacuum does in the first minutes.
        connection.execute("vacuum analyze")
    print(f"  {count:,} clients made in {time.monotonic() - start:.0f} s", flush=True)


def _index(connection: psycopg.Connection) -> None:
    """Fill the search, its trigram index last: built in one go it takes a tenth of the time."""
    row = connection.execute(
        "select indexdef from pg_indexes where indexname = 'client_search_words_idx'"
    ).fetchone()
    assert row is not None
    with connection.transaction():
        connection.execute("drop index client_search_words_idx")
        connection.execute(
            "select app_private.index_clients(array_agg(id)) from ("
            "  select id, (row_number() over () / 20000) as part from clients) c group by part"
        )
        connection.execute(row[0].encode())
