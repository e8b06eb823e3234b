"""Name pools: compact lists, double names and surnames made of syllables. No person is meant."""

from __future__ import annotations

from functools import cache

import numpy as np

from hub.demo.dice import Floats, Texts, texts, zipf

COUNTRIES = ("DE", "GB", "US", "FR")
LANGUAGES = ("de", "en", "en", "fr")
COUNTRY_SHARES = (0.40, 0.25, 0.20, 0.15)

# From old-fashioned to modern: a name's place in its list says when it was in fashion.
_DE_M = """Heinz Günter Karl Hans Werner Horst Helmut Gerhard Manfred Klaus Dieter Siegfried Rolf Wolfgang Jürgen
Peter Bernd Rainer Uwe Hartmut Joachim Norbert Reinhard Walter Michael Thomas Andreas Frank Stefan Jörg Ralf
Matthias Torsten Martin Jens Dirk Oliver Holger Markus Christian Sven Alexander Marco Björn Jan Daniel Sebastian
Tobias Florian Benjamin Philipp Patrick Dennis Marcel Kevin Tim Felix Lukas Fabian Dominik Nico Maximilian Jonas
Niklas Julian Moritz Leon Finn Paul Luca Noah Elias Ben Emil Anton Jakob Theo Matteo Henri Oskar Mats"""
_DE_F = """Ursula Ilse Hildegard Gerda Ingeborg Helga Gisela Christa Renate Karin Erika Ingrid Elfriede Brigitte
Monika Waltraud Elke Heike Barbara Angelika Gabriele Sabine Petra Susanne Birgit Andrea Martina Ute Kerstin Anja
Claudia Cornelia Silke Katrin Nicole Stefanie Sandra Tanja Melanie Christine Anke Bianca Daniela Julia Katharina
Nadine Anna Sarah Jennifer Jessica Lisa Laura Vanessa Franziska Johanna Theresa Lena Lea Hannah Leonie Sophie
Marie Emma Mia Emilia Clara Charlotte Lina Frieda Ida Mathilda Käthe Jördis Zoë Luisa Maja"""
_EN_M = """Walter Harold Albert Arthur Ernest Frederick Stanley Ronald Donald Kenneth Raymond George Douglas Gerald
Roger Dennis Alan Brian Keith Barry Roy Derek Graham Robert John William James Richard David Peter Michael
Anthony Stephen Paul Gary Kevin Mark Philip Timothy Jeffrey Gregory Patrick Ian Simon Nigel Andrew Scott Eric
Jonathan Nicholas Christopher Matthew Daniel Joshua Jason Ryan Brandon Justin Adam Aaron Benjamin Samuel
Alexander Thomas Joseph Nathan Zachary Tyler Kyle Luke Jack Jacob Ethan Liam Noah Mason Oliver Harry Charlie Leo
Logan Oscar Theodore Elijah Lucas"""
_EN_F = """Doris Edith Florence Gladys Mildred Dorothy Irene Joan Betty Audrey Barbara Shirley Jean Patricia
Margaret Maureen Sheila Carol Judith Sandra Brenda Christine Pamela Linda Susan Janet Diane Gillian Jacqueline
Deborah Karen Julie Helen Elizabeth Mary Catherine Jennifer Teresa Angela Tracy Sharon Donna Lisa Michelle
Nicola Amanda Kimberly Melissa Rebecca Sarah Rachel Heather Stephanie Amy Jessica Laura Samantha Victoria
Katherine Alexandra Emma Natalie Lauren Hannah Megan Abigail Charlotte Lucy Grace Olivia Ella Chloe Mia Ava
Isabella Sophia Amelia Evelyn Harper Isla Poppy Freya"""
_FR_M = """Marcel Raymond Roger Robert André René Georges Henri Maurice Lucien Jean Pierre Jacques Michel Claude
Bernard Gérard Daniel Guy Christian Alain Patrick Philippe Dominique Serge Gilles Joël Didier Thierry Pascal
Bruno Éric Laurent François Frédéric Olivier Christophe Stéphane David Nicolas Sébastien Cédric Julien Guillaume
Mathieu Jérôme Benoît Alexandre Romain Vincent Maxime Thomas Antoine Kévin Quentin Clément Florian Hugo Théo
Lucas Louis Nathan Enzo Léo Gabriel Raphaël Jules Adam Arthur Maël Noé"""
_FR_F = """Jeanne Marguerite Yvonne Germaine Simone Odette Denise Paulette Jacqueline Monique Micheline Janine
Colette Nicole Françoise Josiane Danielle Christiane Annie Michèle Chantal Martine Brigitte Catherine Sylvie
Véronique Isabelle Nathalie Corinne Valérie Florence Sandrine Stéphanie Céline Virginie Karine Delphine Aurélie
Émilie Élodie Julie Laetitia Audrey Mélanie Marion Camille Pauline Laura Marine Manon Léa Chloé Emma Sarah Clara
Inès Jade Louise Alice Zoé Juliette Ambre Rose Anaïs Maëlys"""
_WIDE_M = """Mehmet Mustafa Ahmet Ali Hasan Hüseyin Murat Emre Yusuf Kemal Giovanni Giuseppe Antonio Marco
Francesco Andrea Paolo Luigi Stanisław Piotr Krzysztof Andrzej Tomasz Paweł Marcin Jakub José Manuel Carlos Juan
Luis Miguel Javier Diego João Pedro Muhammad Omar Ivo Milan Goran Zoran Dragan László István Gábor"""
_WIDE_F = """Fatma Ayşe Emine Hatice Zeynep Elif Meryem Esra Giulia Francesca Chiara Elena Paola Lucia Małgorzata
Agnieszka Katarzyna Ewa Joanna Magdalena Aleksandra María Carmen Ana Isabel Dolores Pilar Inês Beatriz Aisha
Leila Jasmina Vesna Snežana Ivana Ágnes Ildikó Zsófia"""

_DE_S = """Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter
Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Schmitz Krause
Meier Lehmann Schmid Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz
Möller Weiß Jung Hahn Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann
Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger Otto Sommer
Groß Seidel Heinrich Brandt Haas Schreiber Graf Schulte Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch
Bergmann Thomas Voigt Sauer Arnold Wolff Pfeiffer"""
_EN_S = """Smith Johnson Williams Brown Jones Davis Miller Wilson Taylor Moore Anderson Thomas Jackson White Harris
Martin Thompson Robinson Clark Lewis Walker Hall Allen Young King Wright Hill Scott Green Baker Adams Nelson
Carter Mitchell Roberts Turner Phillips Campbell Parker Evans Edwards Collins Stewart Morris Murphy Cook Rogers
Morgan Cooper Reed Bailey Bell Kelly Howard Ward Cox Richardson Wood Watson Brooks Bennett Gray James Hughes
Price Myers Long Foster Sanders Ross Patel Khan Singh Shaw Simpson Marshall Ellis Harrison Gibson Mills Fox Webb
Palmer Holmes Knight Stevens Lloyd Barnes Matthews Chapman Dixon Hunt O'Brien O'Connor McDonald McCarthy MacLeod
Fitzgerald"""
_FR_S = """Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefèvre Leroy Roux
David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Müller Lefebvre Faure André
Mercier Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Garcia Perrin Robin Clément Morin Nicolas
Henry Roussel Mathieu Gautier Masson Marchand Duval Denis Dumont Marie Lemaire Noël Meyer Dufour Meunier Brun
Blanchard Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud Martínez Gérard Roche Renard Schmitt Roy
Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine Renaud"""
_WIDE_S = """Yılmaz Kaya Demir Çelik Şahin Yıldız Öztürk Aydın Arslan Doğan Rossi Russo Ferrari Esposito Bianchi
Romano Nowak Kowalski Wiśniewski Wójcik Kamiński Lewandowski García Fernández González Rodríguez López Sánchez
Pérez Silva Santos Ferreira Nguyen Tran Petrović Jovanović Nikolić Horvat Kovač Novák Svoboda Nagy Kovács Tóth
Szabó Popescu Ionescu Jensen Nielsen Hansen Andersson Johansson Lindström Sørensen"""

_DE_HEAD = """Ahr Alt Bach Berg Birk Blum Brand Breit Buch Burg Dorn Eber Eich Erl Esch Feld Fink Grün Hage Heid
Hirsch Hohl Holl Kalt Kirch Kling Korn Lind Loh Mühl Nieder Ober Ost Rein Rosen Roth Sand Schön Stein Stern
Straß Tann Thal Wald Weid Weiß Wend West Wiesen Wild"""
_DE_TAIL = """acker au bauer beck berger brink bruch dorf eck er feld felder haus hauser heim hof hofer hoff holz
huber kamp kötter länder linger mann maier müller rath reuter ring städter stein thaler wald wein"""
_EN_HEAD = """Ash Barn Black Bram Brook Burn Cal Chad Clay Col Cran Dal Den Ed El Fair Far Gar Green Had Hal Ham
Hart Hather Hazel Hol Kel Kings Lang Lin Mar Mid Nor Oak Pem Rad Red Rock Rush Sel Shel Stan Suther Thorn Wake
Wal Wel Whit Wood"""
_EN_TAIL = """bourne bridge brook burn bury by combe cott croft dale den don field ford gate grave ham hurst land
ley man more ridge shaw son stead stock ston ton wall ward well wick wood worth"""
_FR_HEAD = """Bar Beau Bel Ber Bois Bon Bour Bris Cas Cha Clair Cour Dau Del Des Du Fav Fer Fon Gar Gran Gué Har
Jou La Lan Lar Lav Le Mal Mar Mau Mon Mor Per Pel Pons Rav Rob Roch Sau Ser Tar Tour Val Var Ver Vil"""
_FR_TAIL = """ard aud ault beau bert bois bray card champ court dier dieu don eau elle et eux fort geon ier lac
lard let lier lin mont nard net niel not oin ot pin quet rand rat rel reux rier rin son teau tier ton val veau
vier"""

# Other scripts: original = transliterations seen in other sources.
_CYR_M = """Дмитрий=Dmitry/Dmitri/Dmitrij Сергей=Sergey/Sergei/Sergej Алексей=Alexey/Aleksei/Alexej
Юрий=Yuri/Juri/Yury Николай=Nikolay/Nikolai/Nikolaj Александр=Alexander/Aleksandr Михаил=Mikhail/Michail
Андрей=Andrey/Andrei/Andrej Владимир=Vladimir/Wladimir Евгений=Evgeny/Yevgeni/Jewgeni Игорь=Igor
Павел=Pavel/Pawel Григорий=Grigory/Grigori Олег=Oleg"""
_CYR_F = """Юлия=Yulia/Julia/Iuliia Екатерина=Ekaterina/Yekaterina/Jekaterina Наталья=Natalya/Natalia/Natalja
Ольга=Olga Татьяна=Tatyana/Tatiana/Tatjana Елена=Elena/Yelena/Jelena Анастасия=Anastasia/Anastasiya
Светлана=Svetlana/Swetlana Ирина=Irina/Iryna Ксения=Ksenia/Xenia/Kseniya Людмила=Lyudmila/Ludmila
Галина=Galina/Halyna Мария=Maria/Mariya/Marija Дарья=Darya/Daria/Darja"""
_CYR_S = """Иванов=Ivanov/Iwanow Смирнов=Smirnov/Smirnow Кузнецов=Kuznetsov/Kusnezow Попов=Popov/Popow
Васильев=Vasilyev/Vasiliev/Wassiljew Петров=Petrov/Petrow Соколов=Sokolov/Sokolow Михайлов=Mikhailov/Michailow
Новиков=Novikov/Nowikow Фёдоров=Fyodorov/Fedorov/Fjodorow Морозов=Morozov/Morosow Волков=Volkov/Wolkow
Алексеев=Alekseev/Alexejew Лебедев=Lebedev/Lebedew Егоров=Egorov/Yegorov/Jegorow Козлов=Kozlov/Koslow
Николаев=Nikolaev/Nikolajew Орлов=Orlov/Orlow Захаров=Zakharov/Sacharow Яковлев=Yakovlev/Jakowlew"""
_GRE_M = """Γιώργος=Giorgos/Yorgos/Georgios Νίκος=Nikos/Nicos Δημήτρης=Dimitris/Dimitrios Κώστας=Kostas/Costas
Γιάννης=Giannis/Yannis/Ioannis Παναγιώτης=Panagiotis/Panayiotis Χρήστος=Christos/Hristos
Βασίλης=Vasilis/Vassilis"""
_GRE_F = """Μαρία=Maria Ελένη=Eleni/Helen Κατερίνα=Katerina/Caterina Βασιλική=Vasiliki/Vassiliki Σοφία=Sofia/Sophia
Αγγελική=Angeliki/Aggeliki Γεωργία=Georgia Δήμητρα=Dimitra/Demetra"""
_GRE_S = """Παπαδόπουλος=Papadopoulos Γεωργίου=Georgiou/Yeorgiou Δημητρίου=Dimitriou/Demetriou
Νικολάου=Nikolaou/Nicolaou Οικονόμου=Oikonomou/Economou Βλάχος=Vlachos/Vlahos Αντωνίου=Antoniou
Καραγιάννης=Karagiannis/Karayannis Χατζής=Chatzis/Hatzis Ιωάννου=Ioannou/Yoannou Σταύρου=Stavrou Μακρής=Makris"""
_CJK_M = """伟=Wei 强=Qiang/Chiang 磊=Lei 军=Jun 洋=Yang 勇=Yong/Yung 杰=Jie/Chieh 涛=Tao 明=Ming
志强=Zhiqiang/Zhi-Qiang 建国=Jianguo/Jian-Guo 浩然=Haoran/Hao-Ran"""
_CJK_F = """芳=Fang 娜=Na 敏=Min 静=Jing/Ching 丽=Li 艳=Yan/Yen 秀英=Xiuying/Xiu-Ying 玉兰=Yulan/Yu-Lan 雪=Xue/Hsueh
梅=Mei 婷婷=Tingting/Ting-Ting 欣怡=Xinyi/Hsin-Yi"""
_CJK_S = """王=Wang 李=Li/Lee 张=Zhang/Chang 刘=Liu/Lau 陈=Chen/Chan 杨=Yang 赵=Zhao/Chao 黄=Huang/Wong 周=Zhou/Chow
吴=Wu/Ng 徐=Xu/Hsu 孙=Sun 马=Ma 朱=Zhu/Chu 胡=Hu/Wu 林=Lin/Lam 郭=Guo/Kuo 何=He/Ho 高=Gao/Kao 罗=Luo/Lo"""
_ARA_M = """محمد=Mohammed/Muhammad/Mohamed أحمد=Ahmed/Ahmad علي=Ali/Aly حسن=Hassan/Hasan حسين=Hussein/Husain
خالد=Khaled/Khalid يوسف=Youssef/Yusuf/Yousef عمر=Omar/Umar إبراهيم=Ibrahim/Ebrahim محمود=Mahmoud/Mahmud
سعيد=Said/Saeed طارق=Tarek/Tariq"""
_ARA_F = """فاطمة=Fatima/Fatma عائشة=Aisha/Aicha مريم=Mariam/Maryam زينب=Zainab/Zeinab ليلى=Layla/Leila
نور=Nour/Noor سارة=Sara/Sarah هدى=Huda/Hoda رانيا=Rania/Ranya ياسمين=Yasmin/Yasmine"""
_ARA_S = """الخطيب=Al-Khatib/Alkhatib حداد=Haddad منصور=Mansour/Mansur خليل=Khalil/Khaleel
النجار=Al-Najjar/Alnajjar سليمان=Suleiman/Sulaiman/Soliman عبدالله=Abdullah/Abdallah الشريف=Al-Sharif/El-Sherif
بكر=Bakr/Bakir ناصر=Nasser/Nasir يعقوب=Yaqoub/Yacoub الحسن=Al-Hassan/Alhasan صالح=Saleh/Salih عثمان=Othman/Osman"""

_NICKNAMES = """Robert=Bob/Rob/Bobby William=Bill/Will/Billy James=Jim/Jimmy/Jamie John=Jack/Johnny
Richard=Dick/Rick/Richie Michael=Mike/Mick/Micha Thomas=Tom/Tommy Joseph=Joe/Joey Charles=Charlie
Christopher=Chris Daniel=Dan/Danny Matthew=Matt Anthony=Tony Andrew=Andy/Drew David=Dave/Davy Edward=Ed/Ted
Stephen=Steve Kenneth=Ken/Kenny Ronald=Ron/Ronnie Donald=Don Timothy=Tim Jeffrey=Jeff Gregory=Greg
Patrick=Pat/Paddy Nicholas=Nick Jonathan=Jon Benjamin=Ben/Benny Samuel=Sam Alexander=Alex/Sandy/Sascha
Joshua=Josh Nathan=Nate Zachary=Zach Frederick=Fred Raymond=Ray Gerald=Gerry Philip=Phil Albert=Bert Arthur=Art
Harold=Harry Walter=Walt/Wally Douglas=Doug Stanley=Stan Theodore=Theo/Ted Jacob=Jake Oliver=Ollie
Elizabeth=Liz/Beth/Betty Katherine=Kate/Kathy Catherine=Cathy/Kate Margaret=Maggie/Peggy Patricia=Pat/Trish
Jennifer=Jen/Jenny Deborah=Deb/Debbie Susan=Sue Barbara=Barb/Babs Dorothy=Dot/Dolly Judith=Judy Pamela=Pam
Christine=Chris/Tina Jacqueline=Jackie Rebecca=Becky Samantha=Sam Victoria=Vicky Stephanie=Steph
Jessica=Jess/Jessie Amanda=Mandy Kimberly=Kim Melissa=Mel Alexandra=Alex/Lexi Natalie=Nat Abigail=Abby
Gillian=Gill Isabella=Bella Olivia=Liv Angela=Angie Teresa=Terri/Tess Sandra=Sandy Michelle=Shelly
Charlotte=Lotte/Charlie Amelia=Millie Evelyn=Evie Florence=Flo Günter=Günni Karl=Kalle Hans=Hansi Helmut=Helle
Manfred=Manni/Fred Klaus=Klausi Siegfried=Sigi Wolfgang=Wolf/Wolfi Joachim=Jochen/Achim Reinhard=Reini
Andreas=Andi/Andy Stefan=Steffen/Stef Matthias=Matze/Matti Torsten=Toto Christian=Chris Sebastian=Basti
Tobias=Tobi Florian=Flo Philipp=Phil Maximilian=Max Dominik=Dom Niklas=Nik Julian=Jule Lukas=Luki Moritz=Mo
Fabian=Fabi Markus=Mark Jakob=Jack Gerhard=Gerd/Gert Werner=Werni Norbert=Nobby Ursula=Uschi/Ulla
Hildegard=Hilde Ingeborg=Inge Gisela=Gisi Renate=Reni Brigitte=Gitte Waltraud=Traudl Angelika=Geli Gabriele=Gabi
Susanne=Susi/Sanne Martina=Tina Cornelia=Conny Katrin=Kati Stefanie=Steffi Katharina=Kathi/Käthe
Franziska=Franzi/Fanny Johanna=Hanna Theresa=Resi Magdalena=Lena/Magda Melanie=Mel Daniela=Dani Claudia=Claudi
Andrea=Andi Sabine=Bine Petra=Peti Monika=Moni Elfriede=Friedel Mathilda=Tilda Emilia=Emmi Frédéric=Fred
Christophe=Chris Stéphane=Steph Nicolas=Nico Sébastien=Seb Guillaume=Guigui Mathieu=Mat Alexandre=Alex
Maxime=Max Antoine=Toine Gabriel=Gab Philippe=Phil Dominique=Domi Françoise=Fanfan Véronique=Véro Isabelle=Isa
Nathalie=Nath Stéphanie=Steph Virginie=Ninie Aurélie=Lili Élodie=Élo Mélanie=Mel Jacques=Jacky Bernard=Nanard
Gérard=Gégé Laurent=Lolo Catherine=Cathy Sandrine=Sandy Juliette=Juju Mehmet=Memo Mustafa=Musti Giovanni=Gianni
Giuseppe=Beppe Antonio=Toni Francesco=Franco Krzysztof=Krzysiek Tomasz=Tomek Małgorzata=Gosia Katarzyna=Kasia
Agnieszka=Aga José=Pepe Manuel=Manolo Miguel=Migue Isabel=Isa Dolores=Lola Aleksandra=Ola Joanna=Asia"""


def _pairs(text: str) -> dict[str, tuple[str, ...]]:
    return {left: tuple(right.split("/")) for left, right in (item.split("=") for item in text.split())}


NICKNAMES: dict[str, tuple[str, ...]] = _pairs(_NICKNAMES)
GIVEN: tuple[tuple[Texts, Texts], ...] = tuple(
    (texts(m.split()), texts(f.split())) for m, f in ((_DE_M, _DE_F), (_EN_M, _EN_F), (_EN_M, _EN_F), (_FR_M, _FR_F))
)
WIDE_GIVEN: tuple[Texts, Texts] = (texts(_WIDE_M.split()), texts(_WIDE_F.split()))
DOUBLE_GIVEN: dict[int, tuple[str, str]] = {0: ("Hans-", "Anna-"), 3: ("Jean-", "Marie-")}
SCRIPTS: tuple[tuple[Texts, Texts, Texts], ...] = tuple(
    (texts(list(_pairs(m))), texts(list(_pairs(f))), texts(list(_pairs(s))))
    for m, f, s in (
        (_CYR_M, _CYR_F, _CYR_S),
        (_GRE_M, _GRE_F, _GRE_S),
        (_CJK_M, _CJK_F, _CJK_S),
        (_ARA_M, _ARA_F, _ARA_S),
    )
)
SCRIPT_SHARES = (0.4, 0.15, 0.25, 0.2)
CYRILLIC, CJK = 0, 2
TRANSLITERATED: dict[str, tuple[str, ...]] = {
    original: variants
    for block in (_CYR_M, _CYR_F, _CYR_S, _GRE_M, _GRE_F, _GRE_S, _CJK_M, _CJK_F, _CJK_S, _ARA_M, _ARA_F, _ARA_S)
    for original, variants in _pairs(block).items()
}


def feminine(surname: str) -> str:
    """A Russian surname as a woman writes it."""
    return surname + "а"


TRANSLITERATED.update({feminine(s): tuple(v + "a" for v in TRANSLITERATED[s]) for s in _pairs(_CYR_S)})


@cache
def surnames(country: int) -> tuple[Texts, Floats]:
    """A country's surnames, the frequent ones first, and their weights: several thousand, the first about 1 %."""
    heads = (_DE_HEAD, _EN_HEAD, _EN_HEAD, _FR_HEAD)[country].split()
    tails = (_DE_TAIL, _EN_TAIL, _EN_TAIL, _FR_TAIL)[country].split()
    known = [*(_DE_S, _EN_S, _EN_S, _FR_S)[country].split()]
    wide = _WIDE_S.split()
    made = [head + tail for head in heads for tail in tails if head[-1:].lower() != tail[:1]]
    made = [made[i] for i in np.argsort(_mix(np.arange(len(made))), kind="stable")]
    listed: list[str] = []
    for i, name in enumerate([*known, *made]):
        listed.append(name)
        if i % 3 == 2 and wide and i > 12:
            listed.append(wide.pop(0))
    unique = list(dict.fromkeys(listed))
    return texts(unique), zipf(len(unique), 8.0, 0.85)


@cache
def given_weights(country: int, sex: int) -> Floats:
    """Weights by decade of birth 1920..2010 (rows) and name (columns)."""
    count = len(GIVEN[country][sex])
    place = np.arange(count) / (count - 1)
    rank = zipf(count, 3.0, 0.9)[np.argsort(np.argsort(_mix(np.arange(count) + 7 * sex), kind="stable"), kind="stable")]
    centre = ((np.arange(10) - 0.5) / 8.5)[:, None]
    fashion = 0.06 + np.exp(-(((place[None, :] - centre) / 0.18) ** 2))
    return np.asarray(rank[None, :] * fashion)


def _mix(index: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """A fixed shuffle key: the same pools on every machine, whatever the world's seed."""
    return (index * 2_654_435_761 + 12_345) % 4_294_967_291 % 1_000_003
