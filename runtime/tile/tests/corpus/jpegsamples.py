"""Arithmetic-coded JPEG files of `picture(33, 40, 13)`, written by cjpeg 2.1.5, because no Python package writes them."""

ARITHMETIC = {
    "444": ((
        '|JeWF01!$>Nk#wx0RR9200961|JwjV00jdC1Ox*G1Ox;H1qB8N3<w7Y2L}%e3keJn4-yg)4-pX)791B76dDx~5f~vD8XX-UA0HDJA|xU'
        'nBpe<e9{<|_LjeT^1qTKP4hRSi9uyH29v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v=V601*fPC;%'
        'Y?0TBQK5di}c0sqVZ3IGrg1pyEd1^?Or3<CiG0ucid06zfIRPSY0F!_iytdVZFkZSjCgj+#IofwlI0)fa!JfPh033FI}AGe@(V24D;Eb'
        'J!`^zLoihEDO95M%4RT(XC5nf4l&rFr}q!YVV=TCvw%#>Qf{va@`;6QInu-3=`a3&-TVM-b$wdl*7Q)J<M2KEsO6ETnfOZ>X)EcO55H8'
        't^sC?yOR^;gF=IX2E9v0Ml_!0rYUz(sUxQ^uqQ&>hy&s^=pBtU4YlwnJ;=C)OZ&YDMxWbrZv&-8r$42-0<LaSZYKJ6xY07LT`Yz09%!{'
        'x6bcAGMZ8H`^>}1Z0<f^$4c&J`tZeE<Ry28KT>Yz!`g^C&OJr_HbA2dXkV3<U2Jo$`B3PCuPj$ss~96Zq$yb#1zxnh8-Mh04Q4}4l!4i'
        'rk`t17HXdehBda{rm7Zwki9t*b(Y@gM-Rxh|>_Gq7'
    ), (33, 40), 3),
    "420": ((
        '|JeWF01!$>Nk#wx0RR9200961|JwjV00jdC1Ox*G1Ox;H1qB8N3<w7Y2L}%e3keJn4-yg)4-pX)791B76dDx~5f~vD8XX-UA0HDJA|xU'
        'nBpe<e9{<|_LjeT^1qTKP4hRSi9uyH29v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v=V601*fPC;%'
        'Y?0U`hb5di}c0sqVZ3IGrg1pyEd1^?Or3<CiG0ucid06zfIRPSY0F!_iytdVZFkaIM&=){=t6b?c;<p$?-zg@T^ka0#|(qARN`*<S4I('
        'p||4ZTRNS73_{+*aobDs~tOHQ4dckB`V<9RVJDZrQY&B={>W^)|GiV%U=_KCn=sc%*QoaPDiGNuywp=`Tq@wxDjQCHgA&u^LLTn_rRQ*'
        'N@4SA$bF6wZHGQ+5z&SWRNf@1YdS^b-+K+naGnE2l}SIGV5sl5?%bE)$^lFuiA53OELNhUumTt5fr_r8c_%aN_H7hgqWlZtN0{)H5#F^'
        '(%_ISvrte4I0c${1>c)l{{TpB^3NOeIwbJeSPGVg&?f<8jV77?kx=HdgD@I(iw#-CexEfhJ7C8T?ZVH>F%%6LA=R}!x}aA<pWJn1OQd`'
        'IBV_XMF}ntKENX!N*#'
    ), (33, 40), 6),
    "grey": ((
        '|JeWF01!$>Nk#wx0RR9200961|JwjV00jdC1Ox*G1Ox;H1qB8N3<w7Y2L}%e3keJn4-yg)4-pX)791B76dDx~5f~vD8XX-UA0HDJA|xU'
        'nBpe<e9{<Sz3kU!x03iVZ5di<p00saM5C#9*00;pA002J#&y^Wg=xCortdVZFkaPa+SN#pSCSUK|@qxMPD(g3z{U;bQM0)AOJv&rl3hP'
        'vj0sjEv3zl0?Zg)IhyqnzKV6hpyO#}$K(#^S9AoQK3kwZ{Q@X?Io8rYHfmYg0^M`Xeis;LNIq7{*mi@%84FP8f=K#X2$G!Tq_wPT&xLF'
        'Ztc`sf2!4O0VB9dD%-9Y}B?zG*dFY16|)YP*?6yQis|JLEY1ZUK`eO8FJI(QS90oW-x90}^F5%yCJ<nimP&UjZ}+pkc=%Hj7Q$l|*|!B'
        ');fyI@8~yQq?+DzrmHNZT98z+|}!2kkXK1W+?IWvhd$TocdlBf}i{4H!7mTt0_vr|Je'
    ), (33, 40), 3),
    "restart": ((
        '|JeWF01!$>Nk#wx0RR9200961|JwjV00jdC1Ox*G1Ox;H1qB8N3<w7Y2L}%e3keJn4-yg)4-pX)791B76dDx~5f~vD8XX-UA0HDJA|xU'
        'nBpe<e9{<|_LjeT^1qTKP4hRSi9uyH29v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v=V601*fPC;%'
        'Y?0U`hb5di}c0sqVZ3IGrg1pyEd1^?Xu1ONm7+5ij#0RRFK0}%i}0Mb<NWmYixh%~H`ZnuzgG_>f%nD7)1LOJCI=X1YZxFe8pMqkojCB'
        'OT4BEmX)=U@%JNUm34iw@jY=L#xz7z#Dm@z9Tt$YC7;9(!)tw3;OND=qalw4h?xlPf;3P@#CFaHMeVYnn-;V36rANkF!sZmA{uD)+G(O'
        '0k<?k>b~n%Ky;PWHH1*C+OiYDoqVG$SNZj6*>I}>)I?T53?qzW{ZYttx6AsM=u`Ys-T%oMZ4h-*{#{g#Ub}2s`~w$Nnp7(!aFcDg+JhS'
        'iCj3sGN}Cc?BB!K>Wuy_AN3eLMrAf6uqAFtLnU`d^UuE53v;NiCBBY#JJY!$L54I{-r#`$(bA-DJ8AW+$VWVS;z5rnR)yrlXQeRYd`$1'
        'q2We~o0WY7;vFVL*71jaOvtvFwE8dkLBx%S<8gZ8JT@n4iH_cM*$?pvCyB&bpsa~J|*#'
    ), (33, 40), 6),
    "progressive-444": ((
        '|JeWF01!$>Nk#wx0RR9200961|JwjV00jdC1Ox*G1Ox;H1qB8N3<w7Y2L}%e3keJn4-yg)4-pX)791B76dDx~5f~vD8XX-UA0HDJA|xU'
        'nBpe<e9{<|_LjeT^1qTKP4hRSi9uyH29v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v=V701*fPC;%'
        'Y?0TBQK5di}c0sqVZ1^^HN5dYc$3<CiG0uTcb0005etp5N6Dw0|hG<N3r^FA7{zL|R6u!-+j>IC@Od8>}U2hWe4yB~@H4p1S0fmv^PA%'
        'OqP00a;P|Jncu0RaF31p-NirH6t94v2UF1tYGasye_d%|AzOsHAvVM#~lWF)Il@mg~TPXF~tX00a>Q|Jncu0RsU6KLORWSpUob1Q7-Q+'
        '5iXv0s#R(0rN#Wn}A&Z%m4%s1^?Or2mt{A20sFStzCRq@V9<qZwOvBG=$q45(a{6bFlx+00a;P|Jncu0RaF3KOtgN*tF|8Cs>ME>?CxT'
        ')p8%qG0y60m2{Nm16WSV3y8-#9Q&R%5Br@s`EP>2mOB91__`qf+5ij#0RRF30{{R35MM`CTk*i1EFi%D%m4%t1^?Or2mu2D0Y4BkBQ!o'
        'l9pB={gXsUv00a>Q|Jncu0RjO5KM)17cpNaDg1-OE00a;P|Jncu0RaF3KM=#19xxUoUxg*%6j&j37MTfw8SY=AP|!J?L<p*S9adur%xn'
        '~!SpNX4>Kke6)KqZovzyzOp(2TJq>D;Qmy;@Z{{W$4lrhStsw=uwlSd1^W4^_cvM8l>EKB)mN{adN-Kk+;2a3lrjZoNQeMFkb{ki}w|J'
        'e'
    ), (33, 40), 3),
    "progressive-420": ((
        '|JeWF01!$>Nk#wx0RR9200961|JwjV00jdC1Ox*G1Ox;H1qB8N3<w7Y2L}%e3keJn4-yg)4-pX)791B76dDx~5f~vD8XX-UA0HDJA|xU'
        'nBpe<e9{<|_LjeT^1qTKP4hRSi9uyH29v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v=V701*fPC;%'
        'Y?0U`hb5di}c0sqVZ1^^HN5dYc$3<CiG0uTcb0005ewqk4oJVIit<9Z*_T@)Fh96b1KhNi>xw`!`~?v>{M0Ay#qA;Iu8IfDPp00a;P|J'
        'ncu0RaF31p-NirH6t94v2UF1tYGasye_d%|AzOsHAvVM#~lWF)Il@mg~TPXF~tX00a>Q|Jncu0RsU6KLIEG#{ktJ|I7dc5e5I+00;pB0'
        'RcY&4vp@-9bo^=00a;P|Jncu0RaF8KLUTPU3^#Yw|-)82wpWbgxeYt27+sIu>Z^e1P}%P+5iXv0RRC%A!1b6wCg!1Sc+NfBy^Y6av#hw'
        '&gyEFbd=@;SWe0dh{rh``<^uq`<*!XZ-T&<I{?}Ex*-4B01N{G00IC50000GUY41<IXvk9%m4%t1^?Or2mu2D0Y4CWJ3#-;00a>Q|Jnc'
        'u0RjO5KM=$J%m4%s1^?Or2mt{A0Y4DKm>w_|BVUCj;S^XQbrzWkff?>!qEOH|oJ0t!dL33{3CwI1n^^w<tLhtR>(o?m?X#QPm!TqwaHN'
        'Y$N|%!=c>e&QVw5q;rm8EtRFg*wy<@(`ld>qKbu3HyX-bOu^4+OnUk8fEF^y2zV|_%L$o;wiEdSX'
    ), (33, 40), 6),
    "progressive-grey": ((
        '|JeWF01!$>Nk#wx0RR9200961|JwjV00jdC1Ox*G1Ox;H1qB8N3<w7Y2L}%e3keJn4-yg)4-pX)791B76dDx~5f~vD8XX-UA0HDJA|xU'
        'nBpe<e9{<V!3kU!x03iVZ5di<p00aOK|Jncu0RaF200GS|d0NHyY>^}dZtVqL>K!4y;(_)y|I7dc5C#9*00;pA009L8Nrt6|f&>nTcoz'
        '5cN??`PV_^RPFl5D^jx_tXSASbz<<H(|Vsdj9p+Nu400a;P|Jncu0RaF8KLUTPY~-EBo*?2;%uIK7kv_7KZYU*T|I7dc5C#9*00;pA00'
        'BQCVpQ0)>aZJdG+13*rUCp^>W-HRRMFLSGsXE2-c}eu&Spto=Fd|&B?A=tzBF>wly`UD3jf*w2mt{A000momdXFj00a;P|Jncu0RaF3K'
        'M*`@o-h_8p#9oqbTse`4se(eq_#_J-fT?bfY8uFx_G{@+Bb}=jV=tb&}>{FeKsg_%rd8u+{YK_LK^iWA_il=tkI293dp&~xz_yA&<WG}'
        '!ei=>x}D%dcyC8`e(Vo*P=5L-t0P!w!T@uF?n(pfGl2iu'
    ), (33, 40), 3),
    "420-large": ((
        '|JeWF01!$>Nk#wx0RR9200961|JwjV00jdC1Ox*G1Ox;H1qB8N3<w7Y2L}%e3keJn4-yg)4-pX)791B76dDx~5f~vD8XX-UA0HDJA|xU'
        'nBpe<e9{<|_LjeT^1qTKP4hRSi9uyH29v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v&VZ9v=V601*fPH2^'
        '~c0U`hb5di}c0sqVZ3IGrg1pyEd1^?Or3<CiG0ucid06zfIX<vB34Bt1Z<5|qzS{&0Lu6Vg8@lhmWs-Ky(e-3crO)yKNuIV%Hpo_ZRpk'
        '4Sr_>iTFxm7nr>iyM}aUqzpGp5-T$iw^x^oB!H8c)rdcR#f|e|T_RNA%Dlk8$P!H>TS~f7LQB$ie~Vr7Xd*sE37A=LFgsbhu7H=<u<Q`'
        '_B1lY?qcZWY{Uyei2Ln+MvJHc_PF)pI6&k?HX^)K{7NSwqJ(qG&=tP877RB)yY~94f}+n@Zp<|kixqx_WuAW5}pej_n?v+E8i8<yKf4A'
        'sVk<}L73fr(-tBl`kEo_Q7u{R#{=o(S__V>G)pu*F+x`_uye@O{nGmO<5`79^E=e8BT|WPbOq@%a}y<K{{Tuq9sN3tlO`}Gt4*GK8neO'
        '>ijPS2^LbB`6o>>~dV<(`p(n*^Plu~dV;}1qj>6Jrtlm8IFXNuJtp17%oeH-Oj$_}1lpDLEr_|t^R$Yc%b~A0N72V8%c=jb9b8A1bAgf'
        '7Vfta;B`sxTP^@Qnes(G(?_AoYOgdSNr3*q@ms5#{=t}r)VJ=qGgySsaIE2*!rB?o^+NlHQn=06Vls&+hMUbIo-I<PlYeXprCx*BXpun'
        '#(Mw7xH?fk#LV+K!8b7zZ{E^Q#dn9wBeJ$pk6buJA~?6`-#x_T`_oSe|3MBuC1EUXVkqX@f0iO9gn!FxJTVcAg=cd%qrKl1buqgDQaq3'
        'tYOQ&*3l54Dpyu@S2Su7<I`UBz1FH&aUvvRagpV!$?iGz|;`ED|TRCYvF~MVI*2;io;HV1Jo|^?1@A~>k@^jV8H%zS7`|!8xqaM9aqN!'
        'u)WsL{H%a7ThxA~s}-O7QZkadkd6K^-wQ-xAbqc1HrnCjl%L|2zG$FYeAk<KD#A4yZx$BkQc=n-#B@A%z<~eR'
    ), (67, 53), 6),
}
